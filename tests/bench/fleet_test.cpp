// Fleets, and open loop, from the command line to the records.
#include <gmock/gmock.h>

#include <map>

#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class FleetRun : public testing::Test {
 protected:
  Ended run(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"run", "--repetitions", "1", "--syscalls", "off", "--out", out()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return connbench(arguments);
  }
  std::string out() const { return folder_.path() / "run"; }
  std::vector<Row> summary() const { return rows_of(out() + "/summary.csv"); }

  TemporaryFolder folder_;
};

constexpr const char* half_dead = "fleet:accepting=50,backlog-full=50";

TEST_F(FleetRun, CountsEveryAttemptAtItsOwnTarget) {
  const Ended ended =
      run({"--connector", "epoll,select-pool", "--mix", "accepting=100", "--mix", "backlog-full=10,accepting=90",
           "--mix", "accepting=50,backlog-full=50", "--attempts", "60", "--timeout", "500ms", "--concurrency", "8"});
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  std::map<std::string, uint64_t> attempts_of;
  for (const Row& row : summary()) {
    attempts_of[row.at("scenario") + " " + row.at("connector") + " " + row.at("target")] = number(row, "attempts");
    EXPECT_EQ(accounted_for(row), number(row, "attempts"));
    EXPECT_EQ(row.at("cpu_ns").empty(), row.at("target") != "*");
    EXPECT_TRUE(row.at("threads_peak").empty() || row.at("target") == "*");
    if (row.at("target") == "accepting") {
      EXPECT_EQ(row.at("connected"), row.at("attempts"));
    } else if (row.at("target") == "backlog-full") {
      EXPECT_EQ(row.at("deadline_exceeded"), row.at("attempts"));
    }
  }
  for (const std::string connector : {"epoll", "select-pool"}) {
    EXPECT_EQ(attempts_of["fleet:accepting=100 " + connector + " *"], 60U);
    EXPECT_EQ(attempts_of["fleet:accepting=90,backlog-full=10 " + connector + " backlog-full"], 6U);
    EXPECT_EQ(attempts_of[half_dead + (" " + connector) + " accepting"], 30U);
  }
  EXPECT_EQ(attempts_of.size(), 2U * (2 + 3 + 3));
  std::map<std::string, size_t> samples_of;
  for (const Row& row : rows_of(out() + "/samples.csv"))
    if (row.at("scenario") == half_dead && row.at("connector") == "epoll") {
      ++samples_of[row.at("target")];
      EXPECT_EQ(row.at("outcome") == "connected", row.at("target") == "accepting");
    }
  EXPECT_EQ(samples_of, (std::map<std::string, size_t>{{"accepting", 30}, {"backlog-full", 30}}));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("accepting=90,backlog-full=10"), HasSubstr("backlog-full: all deadline_ex")));
}

// No deadline, and no place left once eight of them are stuck: the healthy ones starve, and all of it is said.
TEST_F(FleetRun, ShowsWhoStarvesBehindTheDead) {
  const Ended ended = run({"--connector", "blocking-threads", "--mix", "accepting=50,backlog-full=50", "--attempts",
                           "100", "--wave-limit", sanitized ? "2s" : "500ms", "--concurrency", "8", "--seed", "1"});
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  for (const Row& row : summary()) {
    EXPECT_EQ(accounted_for(row), number(row, "attempts"));
    EXPECT_GT(number(row, "never_started"), 0U) << row.at("target");
    if (row.at("target") == "backlog-full") {
      EXPECT_EQ(row.at("cancelled"), "8");
    }
    EXPECT_GE(number(row, "makespan_ns"), 290'000'000U) << "the rate is that of the whole wave";
  }
  EXPECT_THAT(ended.out, HasSubstr("never_started"));
}

TEST_F(FleetRun, InOpenLoopIsAccountedForTargetByTarget) {
  const Ended ended = run({"--connector", "epoll", "--mix", "accepting=75,backlog-full=25", "--arrival",
                           "poisson:2000/s", "--attempts", "80", "--timeout", "20ms", "--spin"});
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  const auto run = json_of(out() + "/run.json");
  EXPECT_EQ(run.at("arrival"), "poisson:2000/s");
  EXPECT_EQ(run.at("spin"), true);
  std::map<std::string, uint64_t> offered;
  for (const auto& wave : run.at("arrivals")) {
    EXPECT_EQ(wave.at("scenario"), "fleet:accepting=75,backlog-full=25:poisson:2000/s");
    offered[wave.at("target")] = wave.at("offered");
    EXPECT_EQ(wave.at("completed"), wave.at("offered"));
  }
  EXPECT_EQ(offered, (std::map<std::string, uint64_t>{{"accepting", 60}, {"backlog-full", 20}, {"*", 80}}));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("offered"), HasSubstr("queued")));
}

// Twice as many as two places with 20 ms each can take: half of the wave never finds room, and is not forgotten.
TEST_F(FleetRun, WhatNeverStartedInOpenLoopWasOfferedAndIsLate) {
  const Ended ended = run({"--connector", "epoll", "--target", "backlog-full", "--concurrency", "2", "--arrival",
                           "poisson:1000/s", "--attempts", "200", "--timeout", "20ms", "--wave-limit", "400ms"});
  const auto run = json_of(out() + "/run.json");
  const auto& wave = run.at("arrivals").at(0);
  EXPECT_EQ(wave.at("offered"), 200) << ended.out << ended.err;
  EXPECT_LE(wave.at("started"), 42);
  EXPECT_GE(wave.at("late"), 158);
  EXPECT_EQ(wave.at("response_p50_ns"), nullptr);
}

// Two places that a dead host holds for 20 ms each, a tenth of the time: the healthy ones get through at some rates,
// and at some they do not.
TEST_F(FleetRun, FindsTheHighestRateThatHoldsABound) {
  const Ended ended = run({"--connector", "epoll", "--mix", "accepting=75,backlog-full=25", "--find-rate", "p50<20ms",
                           "--arrival", "uniform:200/s", "--concurrency", "1", "--timeout", "20ms"});
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  const auto run = json_of(out() + "/run.json");
  EXPECT_EQ(run.at("complete"), true);
  EXPECT_TRUE(run.at("fitness").at("ready_threads").is_number()) << "the waves of a search look at other programs too";
  ASSERT_EQ(run.at("rates").size(), 1U);
  const auto& found = run.at("rates").at(0);
  EXPECT_EQ(found.at("goal"), "p50<20ms");
  // 25 % × 20 ms: 200/s are what one place can take.
  EXPECT_LT(found.at("held_per_s"), found.at("not_held_per_s"));
  EXPECT_LE(found.at("held_per_s"), 230) << ended.out;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("highest rate with p50<20ms"), HasSubstr("epoll"), HasSubstr("held rate/s")));
  // Every probe is recorded as any other wave is.
  uint64_t waves = 0;
  uint64_t attempts = 0;
  for (const Row& row : summary()) {
    EXPECT_EQ(accounted_for(row), number(row, "attempts"));
    EXPECT_THAT(row.at("scenario"), HasSubstr("fleet:accepting=75,backlog-full=25:uniform:"));
    if (row.at("target") != "*") continue;
    ++waves;
    attempts += number(row, "attempts");
  }
  EXPECT_EQ(found.at("waves"), waves);
  EXPECT_EQ(rows_of(out() + "/samples.csv").size(), attempts);
}

struct RefusedFleet {
  std::vector<std::string> arguments;
  std::vector<std::string> said;
};

TEST_F(FleetRun, RefusesWhatCannotBe) {
  const std::vector<RefusedFleet> all{
      {{"--mix", "accepting=90,blackhole=20"}, {"--mix", "add up to 110 %"}},
      {{"--mix", "accepting=90,blackhole"}, {"--mix", "accepting=90"}},
      {{"--mix", "acepting=100"}, {"--mix", "'accepting'"}},
      {{"--mix", "accepting=100", "--mix", "accepting=100"}, {"--mix", "twice"}},
      {{"--mix", "accepting=100", "--target", "accepting"}, {"--mix", "--target"}},
      {{"--mix", "accepting=90,backlog-full=10", "--attempts", "4"}, {"--mix", "backlog-full", "--attempts"}},
      {{"--arrival", "fleet:accepting=100"}, {"--arrival", "--mix"}},
      {{"--arrival", "poisson:0/s"}, {"--arrival"}},
      {{"--spin"}, {"--spin", "--arrival"}},
      {{"--find-rate", "fast"}, {"--find-rate", "p99<5ms"}},
      {{"--find-rate", "p99<5ms", "--arrival", "closed"}, {"--find-rate", "closed loop", "--arrival"}},
      {{"--find-rate", "p99<5ms", "--arrival", "poisson:0/s"}, {"--arrival", "0/s"}},
      {{"--find-rate", "p99<5ms", "--arrival", "poisson:3/s"}, {"--find-rate", "36.8/s", "3/s does not"}},
      {{"--find-rate", "p99<5ms", "--close", "hold"}, {"--find-rate", "holds every connection", "rst or fin"}},
      {{"--find-rate", "p99<5ms", "--attempts", "100"}, {"--find-rate", "--attempts"}},
      {{"--find-rate", "p99<5ms", "--target", "backlog-full"}, {"--find-rate", "nothing connects to backlog-full"}},
      {{"--find-rate", "p99<5ms", "--mix", "accepting=90,backlog-full=10"}, {"--find-rate", "10 %", "no rate can"}}};
  for (const RefusedFleet& refused : all) {
    const Ended ended = run(refused.arguments);
    EXPECT_EQ(ended.status, 2) << testing::PrintToString(refused.arguments);
    for (const std::string& word : refused.said) EXPECT_THAT(ended.err, HasSubstr(word));
    EXPECT_THAT(ended.out, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(out()));
  }
}

}  // namespace
}  // namespace connbench
