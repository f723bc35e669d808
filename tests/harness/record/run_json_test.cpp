#include "harness/record/run_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness/record/schema.h"
#include "harness/support/clock.h"
#include "tests/harness/record/waves.h"

namespace connbench {
namespace {

using nlohmann::json;

RunInfo info_of_a_run() {
  RunInfo info;
  info.run_id = "run";
  info.command_line = {"connbench", "run", "--connector", "epoll"};
  info.seed = UINT64_MAX;
  info.origin = {test_origin, 1'700'000'000'000'000'000};
  info.environment = std::make_shared<nlohmann::ordered_json>(nlohmann::ordered_json{{"kernel", "6.18"}});
  return info;
}

TEST(RunJson, DescribesTheRun) {
  const auto document = json::parse(RunJson(info_of_a_run()).text(false));
  EXPECT_EQ(document.at("schema_version"), record_schema_version);
  EXPECT_EQ(document.at("run_id"), "run");
  EXPECT_EQ(document.at("complete"), false);
  EXPECT_EQ(document.at("command_line").at(3), "epoll");
  EXPECT_EQ(document.at("seed"), UINT64_MAX);
  EXPECT_EQ(document.at("network"), "host");
  EXPECT_EQ(document.at("samples"), "all");
  EXPECT_EQ(document.at("origin").at("monotonic_ns"), test_origin);
  EXPECT_EQ(document.at("origin").at("realtime_ns"), 1'700'000'000'000'000'000);
  EXPECT_EQ(document.at("environment").at("kernel"), "6.18");
  for (const char* list : {"skipped", "warnings", "failures", "syscalls"}) {
    EXPECT_TRUE(document.at(list).is_array() && document.at(list).empty()) << list;
  }
}

TEST(RunJson, IsCompleteOnlyIfSaidToBe) {
  EXPECT_EQ(json::parse(RunJson(info_of_a_run()).text(true)).at("complete"), true);
}

TEST(RunJson, ListsASkippedCaseWithItsReason) {
  RunJson run(info_of_a_run());
  const Case uring{
      .scenario = "burst", .connector = "io-uring", .target = "accepting", .family = Family::ipv6, .concurrency = 500};
  const Case fleet{.scenario = "fleet:accepting=100",
                   .connector = "select-loop",
                   .target = std::string(every_target),
                   .concurrency = 5000};
  run.skip(uring, "io_uring is disabled", "sysctl kernel.io_uring_disabled=0");
  run.skip(fleet, "FD_SETSIZE is 1024");
  const auto skipped = json::parse(run.text(false)).at("skipped");
  EXPECT_EQ(skipped.at(0), json({{"connector", "io-uring"},
                                 {"target", "accepting"},
                                 {"family", "6"},
                                 {"concurrency", 500},
                                 {"reason", "io_uring is disabled"},
                                 {"remedy", "sysctl kernel.io_uring_disabled=0"}}));
  EXPECT_FALSE(skipped.at(1).contains("remedy"));
  EXPECT_EQ(skipped.at(1).at("scenario"), "fleet:accepting=100");
}

constexpr OptionSpec pool_options[] = {
    {.name = "stack", .kind = OptionSpec::Kind::size, .choices = "", .default_value = "64KiB", .help = ""},
    {.name = "threads", .kind = OptionSpec::Kind::count, .choices = "", .default_value = "64", .help = ""},
    {.name = "close", .kind = OptionSpec::Kind::choice, .choices = close_modes, .default_value = "", .help = ""}};
const NamedConnector pool_of_four{nullptr, "select-pool+threads:4", Options("+threads:4", pool_options)};

// What a name leaves open is recorded too: a default may change.
TEST(RunJson, GivesTheOptionsOfEachMeasuredConnectorWithTheirDefaults) {
  RunJson run(info_of_a_run());
  run.connector(pool_of_four, {});
  EXPECT_EQ(json::parse(run.text(false)).at("connectors").at(pool_of_four.name).at("options"),
            json({{"stack", "64KiB"}, {"threads", "4"}}));
}

TEST(RunJson, GivesTheCapabilitiesOfEachMeasuredConnector) {
  RunJson run(info_of_a_run());
  EXPECT_EQ(json::parse(run.text(false)).at("connectors"), json::object());
  run.connector(pool_of_four, {.threads = Capabilities::Threads::pool,
                               .deadline_by = Capabilities::DeadlineBy::socket_option,
                               .granularity = std::chrono::milliseconds(4),
                               .floor = std::chrono::milliseconds(1),
                               .max_in_flight = 1024,
                               .pool_threads = 4});
  EXPECT_EQ(json::parse(run.text(false)).at("connectors").at("select-pool+threads:4").at("capabilities"),
            json({{"opens_sockets", true},
                  {"completes_in_submit", false},
                  {"threads", "pool"},
                  {"deadline_by", "socket_option"},
                  {"has_deadline", true},
                  {"granularity_ns", 4'000'000},
                  {"floor_ns", 1'000'000},
                  {"early_ns", 0},
                  {"cancellable", true},
                  {"max_in_flight", 1024},
                  {"pool_threads", 4},
                  {"uses_all_endpoints", false}}));
}

TEST(RunJson, KeepsWarningsAndFailures) {
  RunJson run(info_of_a_run());
  run.warn("the server used 0.9 of a core");
  auto wave = wave_of("epoll", 2);
  wave.failure = "killed by signal 11";
  run.fail(wave);
  const auto document = json::parse(run.text(false));
  EXPECT_EQ(document.at("warnings"), json::array({"the server used 0.9 of a core"}));
  const auto& failure = document.at("failures").at(0);
  EXPECT_EQ(failure.at("connector"), "epoll");
  EXPECT_EQ(failure.at("repetition"), 2);
  EXPECT_EQ(failure.at("wave"), 7);
  EXPECT_EQ(failure.at("failure"), "killed by signal 11");
}

TEST(RunJson, ListsSystemCallsByName) {
  RunJson run(info_of_a_run());
  auto wave = wave_of();
  wave.syscalls = {{"connect", 10}, {"socket", 11}};
  run.count(wave, "tracepoint");
  const auto entry = json::parse(run.text(false)).at("syscalls").at(0);
  EXPECT_EQ(entry.at("method"), "tracepoint");
  EXPECT_EQ(entry.at("attempts"), 10);
  EXPECT_EQ(entry.at("timeout_ns"), 200'000'000);
  EXPECT_EQ(entry.at("calls"), json({{"connect", 10}, {"socket", 11}}));
}

TEST(RunJson, CanBeWrittenWithAnyBytesInTheCommandLine) {
  auto info = info_of_a_run();
  info.command_line.push_back("\xff\xfe");
  EXPECT_EQ(json::parse(RunJson(info).text(false)).at("command_line").size(), 5U);
}

TEST(Origin, IsTheSameMomentOnBothClocks) {
  const auto before = to_ns(now());
  const auto origin = Origin::now();
  const auto realtime = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_GE(origin.monotonic_ns, before);
  EXPECT_LE(origin.monotonic_ns, to_ns(now()));
  EXPECT_LE(origin.realtime_ns, std::chrono::duration_cast<Duration>(realtime).count());
}

}  // namespace
}  // namespace connbench
