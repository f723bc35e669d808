// `connbench list --format json` and `doctor --format json`: what scripts learn from the program.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/connector/registry.h"
#include "harness/lab/lab.h"
#include "harness/machine/processors.h"
#include "harness/record/schema.h"
#include "harness/record/thresholds.h"
#include "harness/scenarios/scenario.h"
#include "harness/targets/target.h"
#include "tests/bench/program.h"

namespace connbench {
namespace {

using Json = nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

Json output_of(
    const std::string& command, const std::function<void()>& prepare = [] {}) {
  const Ended ended = connbench({command, "--format", "json"}, prepare);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, IsEmpty());
  return Json::parse(ended.out);
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

const Json& named(const Json& array, std::string_view name) {
  const auto found = std::ranges::find_if(array, [&](const Json& entry) { return entry.at("name") == name; });
  if (found == array.end()) throw std::out_of_range(std::string(name));
  return *found;
}

class ListJson : public testing::Test {
 protected:
  static void SetUpTestSuite() { list_ = output_of("list"); }
  static inline Json list_;
};

TEST_F(ListJson, HasTheKeysOfTheContract) {
  EXPECT_THAT(keys_of(list_),
              UnorderedElementsAre("schema_version", "version", "commands", "outcomes", "columns", "files",
                                   "thresholds", "families", "connectors", "options", "targets", "scenarios"));
}

TEST_F(ListJson, DescribesTheRecords) {
  EXPECT_EQ(list_.at("schema_version"), record_schema_version);
  EXPECT_EQ(list_.at("families"), Json({"4", "6", "unix"}));
  ASSERT_EQ(list_.at("outcomes").size(), outcome_count);
  for (const Outcome outcome : all_outcomes())
    EXPECT_EQ(list_.at("outcomes").at(static_cast<size_t>(outcome)), to_string(outcome));
  EXPECT_EQ(list_.at("files").size(), run_files().size());
  for (const auto& [file, columns] : list_.at("columns").items()) {
    EXPECT_THAT(list_.at("files"), Contains(file));
    EXPECT_EQ(columns, Json(columns_of(file))) << file;
  }
  EXPECT_THAT(keys_of(list_.at("columns")), UnorderedElementsAre("samples.csv", "summary.csv", "exhaustion.csv"));
  for (const Threshold& threshold : thresholds)
    EXPECT_EQ(list_.at("thresholds").at(std::string(threshold.name)), threshold.value);
}

TEST_F(ListJson, ListsEveryConnectorOfTheRegistryInItsOrder) {
  const Json& connectors = list_.at("connectors");
  ASSERT_GE(connectors.size(), all_connectors().size());  // programs follow
  for (size_t i = 0; i < all_connectors().size(); ++i) {
    const ConnectorEntry& entry = *all_connectors()[i];
    const Json& listed = connectors.at(i);
    EXPECT_EQ(listed.at("name"), entry.name);
    EXPECT_EQ(listed.at("summary"), entry.summary);
    EXPECT_EQ(listed.at("group"), entry.group);
    EXPECT_EQ(listed.at("families").size(), entry.families.size());
    EXPECT_EQ(listed.at("options").size(), entry.options.size() + std::size(common_options));
    EXPECT_EQ(listed.at("library").is_null(), entry.library == nullptr);
    if (entry.library != nullptr) {
      EXPECT_EQ(listed.at("library").at("version"), entry.library().version);
    }
    EXPECT_EQ(listed.at("available"), listed.at("skip_reason").is_null()) << entry.name;
    EXPECT_EQ(listed.at("available"), !listed.at("capabilities").is_null()) << entry.name;
  }
}

// A group says how a connector waits; its capabilities say so too, and must agree.
TEST_F(ListJson, PutsEveryConnectorIntoTheGroupOfItsCapabilities) {
  for (const Json& connector : list_.at("connectors")) {
    const std::string group = connector.at("group");
    EXPECT_THAT(
        (std::vector<std::string>{"threads", "pools", "processes", "loops", "libraries", "baselines", "programs"}),
        Contains(group));
    if (!connector.at("library").is_null()) {
      EXPECT_EQ(group, "libraries") << connector;
    }
    EXPECT_EQ(group == "programs", !connector.at("program").is_null()) << connector;
    // A library's connector may use threads too, but its group is that of libraries.
    if (connector.at("capabilities").is_null() || group == "programs" || group == "libraries") continue;
    const Json& capabilities = connector.at("capabilities");
    const bool connects = capabilities.at("opens_sockets") == true;
    EXPECT_EQ(group == "threads", connects && capabilities.at("threads") == "per_attempt") << connector;
    EXPECT_EQ(group == "pools", connects && capabilities.at("threads") == "pool") << connector;
    EXPECT_EQ(group == "processes", connects && capabilities.at("threads") == "processes") << connector;
    EXPECT_EQ(group == "baselines", !connects || capabilities.at("completes_in_submit") == true) << connector;
  }
}

TEST_F(ListJson, DescribesCapabilities) {
  const Json& epoll = named(list_.at("connectors"), "epoll").at("capabilities");
  EXPECT_THAT(keys_of(epoll), IsSupersetOf({"opens_sockets", "completes_in_submit", "threads", "deadline_by",
                                            "has_deadline", "granularity_ns", "floor_ns", "early_ns", "cancellable",
                                            "max_in_flight", "pool_threads", "uses_all_endpoints"}));
  EXPECT_EQ(epoll.at("threads"), "none");
  const Json& sndtimeo = named(list_.at("connectors"), "sndtimeo-threads").at("capabilities");
  EXPECT_EQ(sndtimeo.at("deadline_by"), "socket_option");
  EXPECT_EQ(named(list_.at("connectors"), "blocking-threads").at("capabilities").at("has_deadline"), false);
}

TEST_F(ListJson, NamesTheConnectorsOfEachOption) {
  for (const Json& option : list_.at("options")) {
    EXPECT_EQ(option.at("kind") == "choice", option.at("values").is_array()) << option;
    ASSERT_THAT(option.at("connectors"), Not(IsEmpty()));
    for (const std::string name : option.at("connectors"))
      EXPECT_THAT(named(list_.at("connectors"), name).at("options"), Contains(option.at("name")));
  }
  const Json& close = named(list_.at("options"), "close");
  EXPECT_EQ(close.at("values"), Json({"rst", "fin", "hold"}));
  EXPECT_TRUE(close.at("default").is_null());
  EXPECT_EQ(close.at("connectors").size(), list_.at("connectors").size());
}

TEST_F(ListJson, ListsEveryTargetAndHostsOutside) {
  const Json& targets = list_.at("targets");
  ASSERT_EQ(targets.size(), all_targets().size() + 1);
  for (const TargetEntry* entry : all_targets()) {
    const Json& listed = named(targets, entry->name);
    EXPECT_EQ(listed.at("network"), entry->needs_lab ? "lab" : "loopback");
    EXPECT_EQ(listed.at("available"), listed.at("skip_reason").is_null());
  }
  EXPECT_EQ(named(targets, "accepting").at("expected_outcomes"), Json({"connected"}));
  EXPECT_EQ(named(targets, "delayed").at("default"), "20ms");
  EXPECT_EQ(named(targets, "host:port").at("network"), "outside");
}

TEST_F(ListJson, ListsEveryScenario) {
  ASSERT_EQ(list_.at("scenarios").size(), all_scenarios().size());
  for (const ScenarioEntry* entry : all_scenarios())
    EXPECT_EQ(named(list_.at("scenarios"), entry->name).at("arrival"), entry->arrivals);
}

TEST(ListJsonWithoutALab, SaysWhyItsTargetsAreSkipped) {
  const Json list = output_of("list", [] { refuse(SYS_unshare); });
  const Json& blackhole = named(list.at("targets"), "blackhole");
  EXPECT_EQ(blackhole.at("available"), false);
  EXPECT_THAT(blackhole.at("skip_reason").get<std::string>(), Not(IsEmpty()));
  EXPECT_EQ(named(list.at("targets"), "accepting").at("available"), true);
}

TEST(DoctorJson, ReportsFindingsAndConnectors) {
  const Json doctor = output_of("doctor");
  EXPECT_THAT(keys_of(doctor), UnorderedElementsAre("machine", "capacity", "connectors", "cpus", "fitness"));
  for (const char* part : {"machine", "capacity"}) {
    ASSERT_THAT(doctor.at(part), Not(IsEmpty()));
    for (const Json& finding : doctor.at(part))
      EXPECT_THAT(keys_of(finding), UnorderedElementsAre("subject", "value", "remedy"));
  }
  EXPECT_THAT(keys_of(doctor.at("fitness")), UnorderedElementsAre("findings", "unfit"));
  ASSERT_GE(doctor.at("connectors").size(), all_connectors().size());
  for (const Json& connector : doctor.at("connectors"))
    EXPECT_EQ(connector.at("available"), connector.at("skip_reason").is_null());
  const auto cpus = available_cpus();
  if (cpus.size() < 2) {
    EXPECT_TRUE(doctor.at("cpus").is_null());
  } else {
    EXPECT_EQ(doctor.at("cpus"), Json({{"client", cpus[0]}, {"server", cpus[1]}}));
  }
}

TEST(DoctorJson, AgreesWithTheListOnWhatIsAvailable) {
  const Json doctor = output_of("doctor");
  const Json list = output_of("list");
  for (const Json& connector : list.at("connectors"))
    EXPECT_EQ(named(doctor.at("connectors"), connector.at("name").get<std::string>()).at("available"),
              connector.at("available"))
        << connector.at("name");
}

}  // namespace
}  // namespace connbench
