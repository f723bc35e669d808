// What a program says of itself, and what is refused with a sentence.
#include "harness/programs/description.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Json = nlohmann::ordered_json;

Json least() {
  return {{"protocol", 1}, {"name", "go-dialer"}, {"summary", "net.Dialer"}};
}

std::string refusal(const std::string& text) {
  try {
    parse_description(text);
    return "accepted";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(Description, NeedsThreeKeysAndHasDefaultsForTheRest) {
  const ProgramDescription description = parse_description(least().dump());
  EXPECT_EQ(description.name, "go-dialer");
  EXPECT_THAT(description.families, ElementsAre(Family::ipv4));
  EXPECT_THAT(description.close, ElementsAre(CloseMode::rst, CloseMode::fin));
  EXPECT_EQ(description.capabilities.deadline_by, Capabilities::DeadlineBy::timer);
  EXPECT_TRUE(description.capabilities.cancellable);
  EXPECT_TRUE(description.open_loop);
  EXPECT_FALSE(description.gap);
}

TEST(Description, HasEverythingThatItDeclares) {
  Json said = least();
  said.update({{"language", "Go"},
               {"version", "1.24.4"},
               {"libraries", {{{"name", "net"}, {"version", "1"}}}},
               {"families", {"6", "unix"}},
               {"threads", "runtime"},
               {"deadline_by", "socket_option"},
               {"early_ns", 1'000'000},
               {"max_in_flight", 12},
               {"close", {"hold"}},
               {"open_loop", false},
               {"gap", true},
               {"steered_by", {"GODEBUG"}},
               {"misleading", {{{"target", "no-arp"}, {"reason", "believes it"}}}}});
  const ProgramDescription description = parse_description(said.dump());
  EXPECT_THAT(description.families, ElementsAre(Family::ipv6, Family::unix_domain));
  EXPECT_EQ(description.capabilities.threads, Capabilities::Threads::runtime);
  EXPECT_EQ(description.capabilities.early, std::chrono::milliseconds(1));
  EXPECT_EQ(description.capabilities.max_in_flight, 12U);
  EXPECT_EQ(description.misleading.at(0).reason, "believes it");
  const Json recorded = description_json(description);
  for (const char* key : {"name", "language", "version", "libraries", "close", "open_loop", "gap", "misleading"})
    EXPECT_EQ(recorded.at(key), said.at(key)) << key;
}

TEST(Description, IsRefusedWithTheKeyThatIsWrong) {
  EXPECT_THAT(refusal("hello"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("\"protocol\" must be 1"));
  const std::vector<std::pair<Json, const char*>> wrong{{{{"protocol", "1"}}, "\"protocol\""},
                                                        {{{"name", 3}}, "\"name\""},
                                                        {{{"name", ""}}, "\"name\""},
                                                        {{{"summary", "two\nlines"}}, "\"summary\""},
                                                        {{{"families", Json::array()}}, "\"families\""},
                                                        {{{"families", {"5"}}}, "one of 4, 6, unix"},
                                                        {{{"threads", "many"}}, "none, per_attempt, pool, runtime"},
                                                        {{{"early_ns", -1}}, "\"early_ns\""},
                                                        {{{"early_ns", 1.5}}, "\"early_ns\""},
                                                        {{{"cancellable", "yes"}}, "true or false"},
                                                        {{{"libraries", {"net"}}}, "\"libraries\""},
                                                        {{{"misleading", {{{"target", "x"}}}}}, "\"reason\""}};
  for (const auto& [change, text] : wrong) {
    Json said = least();
    said.update(change);
    EXPECT_THAT(refusal(said.dump()), HasSubstr(text));
  }
}

}  // namespace
}  // namespace connbench
