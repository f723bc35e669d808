// Connectors that are made with a library, and one whose library is not there.
#include <gmock/gmock.h>

#include "harness/connector/registry.h"
#include "harness/run/plan.h"

namespace connbench {

// Written by CMake from the same file as the connectors that this build may lack.
namespace connectors {
extern const ConnectorEntry made_of_nothing;
}

namespace {

using connectors::made_of_nothing;
using testing::HasSubstr;

TEST(AbsentConnector, SaysWhyAndHowToGetIt) {
  Retirement retirement({}, 0);
  EXPECT_EQ(made_of_nothing.name, "made-of-nothing");
  EXPECT_EQ(made_of_nothing.probe({{}, 1, retirement}),
            "not built in: nothing.h was not found (apt-get install libnothing-dev)");
}

TEST(AbsentConnector, CannotBeMadeEither) {
  Retirement retirement({}, 0);
  try {
    made_of_nothing.make({{}, 1, retirement});
    FAIL() << "it was made";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("nothing.h was not found"));
  }
}

TEST(AbsentConnector, IsASkippedRowOfARun) {
  RunRequest request;
  request.connectors = {{&made_of_nothing, "made-of-nothing", {}}};
  request.targets = {find_target("accepting")};
  request.concurrency = {1};
  request.timeouts = {std::chrono::seconds(1)};
  request.attempts = 1;
  const Plan plan = make_plan(request);
  EXPECT_THAT(plan.cases, testing::IsEmpty());
  ASSERT_THAT(plan.skipped, testing::SizeIs(1));
  EXPECT_THAT(plan.skipped[0].reason, HasSubstr("libnothing-dev"));
}

TEST(Library, TellsItsNameAndVersion) {
  for (const ConnectorEntry* entry : all_connectors()) {
    if (entry->library == nullptr) continue;
    const Library library = entry->library();
    EXPECT_FALSE(library.name.empty()) << entry->name;
    EXPECT_THAT(library.version, testing::MatchesRegex("[0-9]+\\.[0-9].*")) << entry->name;
  }
}

}  // namespace
}  // namespace connbench
