// The other subcommands, and the Google Benchmark programs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/connector/registry.h"
#include "harness/targets/target.h"
#include "tests/bench/program.h"

namespace connbench {
namespace {

using testing::HasSubstr;

TEST(Connbench, ListsEveryConnectorAndTarget) {
  const Ended ended = connbench({"list"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  for (const ConnectorEntry* entry : all_connectors()) EXPECT_THAT(ended.out, HasSubstr(std::string(entry->summary)));
  for (const TargetEntry* entry : all_targets()) EXPECT_THAT(ended.out, HasSubstr(std::string(entry->summary)));
  EXPECT_THAT(ended.out, HasSubstr("  socket option, not before 1s, steps of 5ms  ")) << "scripts/exact reads it";
}

// A library that cannot get a descriptor may end the process that asks it.
TEST(Connbench, ListsConnectorsThatCannotBeMadeWithTheReason) {
  const Ended ended = connbench({"list"}, [] {
    ::close_range(STDERR_FILENO + 1, ~0U, 0);  // descriptors that the caller of the tests left open
    constexpr rlimit few{STDERR_FILENO + 3, STDERR_FILENO + 3};
    ::setrlimit(RLIMIT_NOFILE, &few);
  });
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("cannot be made: "));
  EXPECT_THAT(ended.out, HasSubstr("null "));
}

TEST(Connbench, ExaminesTheMachine) {
  const Ended ended = connbench({"doctor"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  for (const char* word : {"descriptors", "kernel memory of an attempt", "pending attempts, in one process", "--shards",
                           "ephemeral ports x"})
    EXPECT_THAT(ended.out, HasSubstr(word));
  for (const ConnectorEntry* entry : all_connectors()) EXPECT_THAT(ended.out, HasSubstr(std::string(entry->name)));
}

TEST(Connbench, ListsItsCommandsInItsHelp) {
  const Ended ended = connbench({"--help"});
  for (const char* command : {"list", "doctor", "run", "exhaust", "probe", "trace", "check"})
    EXPECT_THAT(ended.out, HasSubstr(fmt::format("\n  {} ", command)));
}

TEST(Connbench, FailsWhenItsOutputCannotBeWritten) {
  const int status = std::system(CONNBENCH_PROGRAM " list > /dev/full 2> /dev/null");
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

class BenchmarkProgram : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Every, BenchmarkProgram,
                         testing::Values("connect_bench", "timeout_bench", "primitives_bench", "floor_bench"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(BenchmarkProgram, ListsItsBenchmarks) {
  const Ended ended = benchmark_program(GetParam(), {"--benchmark_list_tests"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_GE(std::ranges::count(ended.out, '\n'), 5) << ended.out;
}

TEST_P(BenchmarkProgram, RefusesAnUnknownFlag) {
  EXPECT_EQ(benchmark_program(GetParam(), {"--benchmark_nonsense"}).status, 2);
}

nlohmann::json only_benchmark(const std::string& program, const std::string& name) {
  const Ended ended = benchmark_program(
      program, {"--benchmark_filter=^" + name, "--benchmark_format=json", "--benchmark_min_time=0.01"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  const auto benchmarks = nlohmann::json::parse(ended.out).at("benchmarks");
  EXPECT_EQ(benchmarks.size(), 1U) << name;
  return benchmarks.at(0);
}

TEST(ConnectBench, CountsOutcomesAndGivesPercentilesAsCounters) {
  const auto entry = only_benchmark("connect_bench", "connect/epoll/accepting/concurrency:64");
  EXPECT_FALSE(entry.contains("error_occurred")) << entry;
  EXPECT_EQ(entry.at("connected"), 2000 * entry.at("iterations").get<int>());
  EXPECT_GT(entry.at("p50_us"), 0);
  EXPECT_GE(entry.at("p99_us"), entry.at("p50_us"));
  EXPECT_GT(entry.at("items_per_second"), 0);
}

TEST(TimeoutBench, GivesOvershootAsCounters) {
  const auto entry = only_benchmark("timeout_bench", "timeout/epoll/10ms");
  EXPECT_FALSE(entry.contains("error_occurred")) << entry;
  EXPECT_GE(entry.at("overshoot_p50_us"), 0);
  EXPECT_GT(entry.at("deadline_exceeded"), 0);
}

}  // namespace
}  // namespace connbench
