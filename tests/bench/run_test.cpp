// connbench run, from the command line to the records.
#include <gmock/gmock.h>

#include <map>
#include <set>
#include <span>

#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::HasSubstr;
using testing::Not;

// The main job of the project: five connectors, three targets. Sanitized code is slower and gets less of everything.
constexpr uint64_t in_flight = sanitized ? 30 : 300;
constexpr uint64_t attempts = sanitized ? 150 : 1500;
constexpr uint64_t repetitions = sanitized ? 1 : 3;
constexpr uint64_t ways = 5;
constexpr uint64_t waves = ways * 3 * repetitions;

std::vector<std::string> main_run(const std::string& out) {
  std::vector<std::string> arguments{"run",
                                     "--connector",
                                     "blocking-threads,sndtimeo-threads,select-threads,select,epoll",
                                     "--target",
                                     "accepting,refusing,backlog-full",
                                     "--concurrency",
                                     std::to_string(in_flight),
                                     "--attempts",
                                     std::to_string(attempts),
                                     "--timeout",
                                     sanitized ? "1s" : "100ms",
                                     "--repetitions",
                                     std::to_string(repetitions),
                                     "--out",
                                     out};
  if (sanitized) arguments.insert(arguments.end(), {"--syscalls", "off"});
  return arguments;
}

void expect_all(const Row& row, const char* outcome) {
  EXPECT_EQ(number(row, outcome), attempts) << outcome << " of " << row.at("connector") << " " << row.at("target");
}

void expect_what_the_target_explains(const Row& row) {
  EXPECT_EQ(number(row, "attempts"), attempts);
  EXPECT_EQ(accounted_for(row), attempts) << row.at("connector") << " " << row.at("target");
  if (row.at("target") == "accepting") return expect_all(row, "connected");
  if (row.at("target") == "refusing") return expect_all(row, "refused");
  if (row.at("connector") != "blocking-threads") return expect_all(row, "deadline_exceeded");
  // It has no deadline of its own: the limit of the wave ends what had begun.
  EXPECT_EQ(number(row, "cancelled") + number(row, "peer_timeout"), in_flight);
  EXPECT_EQ(number(row, "never_started"), attempts - in_flight);
}

void expect_a_sample_for_every_attempt(const std::vector<Row>& samples) {
  EXPECT_EQ(samples.size(), waves * attempts);
  std::set<std::string> distinct;
  for (const Row& row : samples)
    distinct.insert(
        fmt::format("{} {} {} {}", row.at("connector"), row.at("target"), row.at("repetition"), row.at("attempt")));
  EXPECT_EQ(distinct.size(), samples.size());
}

TEST(Run, WarnsAboutArrivalsThatKeepStepWithTheTimeoutOnTheScreenAndInTheRecords) {
  const TemporaryFolder folder;
  const auto run = [&](const char* timeout) {
    const std::string out = folder.path() / timeout;
    const Ended ended =
        connbench({"run", "--connector", "epoll,poll", "--target", "backlog-full", "--arrival", "uniform:1000/s",
                   "--attempts", "40", "--repetitions", "1", "--timeout", timeout, "--syscalls", "off", "--out", out});
    EXPECT_EQ(ended.status, 0) << ended.err;
    return std::pair(ended.out + ended.err, json_of(out + "/run.json").at("warnings").dump());
  };
  const auto [screen, records] = run("10ms");
  for (const std::string& place : {screen, records})
    EXPECT_THAT(place, HasSubstr("uniform:1000/s keeps step with the timeout of 10ms"));
  EXPECT_THAT(run("10.5ms").second, Not(HasSubstr("keeps step")));
}

TEST(Run, RecordsNoCpuTimeOfAServerThatNeverSleeps) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const Ended ended =
      connbench({"run", "--connector", "epoll", "--timeout", long_timeout, "--attempts", "40", "--concurrency", "4",
                 "--repetitions", "1", "--syscalls", "off", "--spin-server", "--out", out});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(json_of(out + "/run.json").at("spin_server"), true);
  const Row row = rows_of(out + "/summary.csv").at(0);
  EXPECT_EQ(row.at("connected"), "40");
  EXPECT_EQ(row.at("server_cpu_ns"), "") << "it is busy whatever the clients do";
  EXPECT_THAT(ended.out + ended.err, Not(HasSubstr("server-bound")));
}

// With the usual number of addresses, three quarters of each one's ports would stay free.
TEST(Run, SendsAllAttemptsToOneAddressIfItIsToldSo) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const Ended ended = connbench({"run",
                                 "--connector",
                                 "epoll",
                                 "--timeout",
                                 long_timeout,
                                 "--attempts",
                                 "15000",
                                 "--repetitions",
                                 "1",
                                 "--samples",
                                 "none",
                                 "--syscalls",
                                 "off",
                                 "--close",
                                 "fin",
                                 "--addresses",
                                 "1",
                                 "--sysctl",
                                 "net.ipv4.tcp_tw_reuse=0",
                                 "--out",
                                 out});
  if (ended.status == 3) GTEST_SKIP() << ended.err;
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(json_of(out + "/run.json").at("addresses"), 1);
  EXPECT_THAT(ended.out + ended.err, HasSubstr("connections to one address use more than half"));
}

// One test, because the run takes half a minute.
TEST(Run, AccountsForEveryAttemptOfTheMainRunInFiveCompleteFiles) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const Ended ended = connbench(main_run(out));
  EXPECT_EQ(ended.status, 0) << ended.err;
  for (const char* word : {"blocking-threads", "epoll", "accepting", "refusing", "backlog-full", out.c_str()})
    EXPECT_THAT(ended.out, HasSubstr(word));

  const auto summary = rows_of(out + "/summary.csv");
  EXPECT_EQ(summary.size(), waves);
  for (const Row& row : summary) expect_what_the_target_explains(row);
  expect_a_sample_for_every_attempt(rows_of(out + "/samples.csv"));

  const auto run = json_of(out + "/run.json");
  EXPECT_EQ(run.at("complete"), true);
  EXPECT_TRUE(run.at("failures").empty()) << run.at("failures");
  EXPECT_TRUE(run.at("skipped").empty()) << run.at("skipped");
  EXPECT_FALSE(json_of(out + "/benchmark.json").at("benchmarks").empty());
  EXPECT_FALSE(json_of(out + "/benchmark-aggregate.json").at("benchmarks").empty());
}

TEST(Run, ReportsWhatItSkipsBecauseItCouldNotEnd) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const Ended ended = connbench({"run", "--connector", "blocking,epoll", "--target", "backlog-full", "--attempts", "4",
                                 "--timeout", "20ms", "--repetitions", "1", "--syscalls", "off", "--out", out});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("skipped"));
  const auto run = json_of(out + "/run.json");
  ASSERT_EQ(run.at("skipped").size(), 1U);
  EXPECT_EQ(run.at("skipped")[0].at("connector"), "blocking");
  EXPECT_EQ(run.at("complete"), true);
}

int64_t wall_clock_ns() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Every value differs from its default and from the others.
std::vector<std::string> unusual_run(const std::string& out) {
  return {"run",
          "--connector",
          "epoll",
          "--target",
          "refusing",
          "--concurrency",
          "3",
          "--attempts",
          "36",
          "--timeout",
          "1234ms",
          "--seed",
          "99",
          "--repetitions",
          "2",
          "--arrival",
          "poisson:7000/s",
          "--spin",
          "--handshake",
          "on",
          "--samples",
          "failures",
          "--family",
          "unix",
          "--syscalls",
          "off",
          "--out",
          out};
}

TEST(Run, RecordsWhatItWasAskedFor) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  EXPECT_EQ(connbench(unusual_run(out)).status, 0);
  const auto run = json_of(out + "/run.json");
  EXPECT_EQ(run.at("seed"), 99);
  EXPECT_EQ(run.at("repetitions"), 2);
  EXPECT_EQ(run.at("arrival"), "poisson:7000/s");
  EXPECT_EQ(run.at("spin"), true);
  EXPECT_EQ(run.at("samples"), "failures");
  EXPECT_EQ(run.at("network"), "host");
  const std::vector<std::string> command_line = run.at("command_line");
  EXPECT_TRUE(std::ranges::equal(std::span(command_line).subspan(1), unusual_run(out)));
  const auto summary = rows_of(out + "/summary.csv");
  ASSERT_EQ(summary.size(), 2U);
  for (size_t i = 0; i < summary.size(); ++i) {
    const std::map<std::string, std::string> expected{{"run_id", run.at("run_id")},
                                                      {"scenario", "steady:poisson:7000/s"},
                                                      {"connector", "epoll"},
                                                      {"target", "refusing"},
                                                      {"family", "unix"},
                                                      {"concurrency", "3"},
                                                      {"timeout_ns", "1234000000"},
                                                      {"attempts", "36"},
                                                      {"repetition", std::to_string(i + 1)},
                                                      {"refused", "36"},
                                                      {"wave", std::to_string(i + 1)}};
    for (const auto& [column, value] : expected) EXPECT_EQ(summary[i].at(column), value) << column;
  }
  EXPECT_EQ(rows_of(out + "/samples.csv").size(), 72U) << "they failed";
}

TEST(Run, StampsItsRecordsWithTheMonotonicClockAndItsOriginWithBoth) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const int64_t before = to_ns(now()), real_before = wall_clock_ns();
  EXPECT_EQ(connbench(unusual_run(out)).status, 0);
  const int64_t after = to_ns(now()), real_after = wall_clock_ns();
  const auto clocks = json_of(out + "/run.json").at("origin");
  const int64_t origin = clocks.at("monotonic_ns"), real = clocks.at("realtime_ns");
  EXPECT_TRUE(before <= origin && origin <= after) << origin;
  EXPECT_TRUE(real_before <= real && real <= real_after) << real;
  for (const Row& row : rows_of(out + "/samples.csv"))
    for (const char* stamp : {"scheduled_ns", "started_ns", "finished_ns", "reaped_ns"}) {
      const int64_t at = origin + std::stoll(row.at(stamp));
      EXPECT_TRUE(origin <= at && at <= after) << stamp;
    }
}

TEST(Run, PrintsItsPlanAndRunsNothingWhenAskedTo) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  const Ended ended = connbench({"run", "--connector", "epoll,select", "--repetitions", "3", "--attempts", "70",
                                 "--syscalls", "off", "--dry-run", "--out", out});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("repetition 3  epoll  accepting"));
  EXPECT_THAT(ended.out, HasSubstr("6 waves"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

// From now on there is no tracepoint, and strace is the one in `folder`.
void count_with_strace_of(const std::string& folder) {
  ::setenv("PATH", fmt::format("{}:{}", folder, ::getenv("PATH")).c_str(), 1);
  refuse(SYS_perf_event_open);
}

// A strace that works only the first time, when it is tried out.
void write_strace_that_works_once(const std::filesystem::path& folder) {
  const std::string used = folder / "used";
  std::ofstream(folder / "strace") << "#!/bin/sh\n"
                                   << "if [ -e '" << used << "' ]; then echo 'tired of tracing' >&2; exit 1; fi\n"
                                   << "touch '" << used << "'\n"
                                   << "PATH=${PATH#*:} exec strace \"$@\"\n";
  std::filesystem::permissions(folder / "strace", std::filesystem::perms(0755));
}

TEST(Run, SaysWhySystemCallsOfACaseAreNotCounted) {
  const TemporaryFolder folder;
  write_strace_that_works_once(folder.path());
  const std::string out = folder.path() / "run";
  const Ended ended = connbench({"run", "--connector", "epoll", "--attempts", "20", "--timeout", long_timeout,
                                 "--repetitions", "1", "--out", out},
                                [&] { count_with_strace_of(folder.path()); });
  EXPECT_EQ(ended.status, 0) << ended.err;
  const std::string warnings = json_of(out + "/run.json").at("warnings").dump();
  if (warnings.find("tracepoint: ") != std::string::npos) GTEST_SKIP() << "strace cannot be used here: " << warnings;
  EXPECT_THAT(warnings, testing::AllOf(HasSubstr("epoll on accepting"), HasSubstr("tired of tracing")));
  EXPECT_THAT(ended.out + ended.err, HasSubstr("tired of tracing"));
  EXPECT_EQ(rows_of(out + "/summary.csv").at(0).at("syscalls"), "");
}

TEST(Run, SaysSoWhenAWaveReachedItsLimit) {
  const TemporaryFolder folder;
  const Ended ended =
      connbench({"run", "--connector", "epoll", "--arrival", "uniform:10/s", "--attempts", "50", "--wave-limit",
                 "250ms", "--repetitions", "1", "--syscalls", "off", "--out", folder.path() / "run"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.out, testing::AllOf(HasSubstr("never_started. The wave reached its limit"),
                                        HasSubstr("--wave-limit"), Not(HasSubstr("os_error"))));
}

}  // namespace
}  // namespace connbench
