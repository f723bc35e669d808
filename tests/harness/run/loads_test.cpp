// Every wave is offered the load that was asked for: in each repetition, at each target, and in the counting wave.
#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <map>

#include "harness/scenarios/mix.h"
#include "harness/targets/external.h"
#include "tests/harness/run/known_session.h"
#include "tests/support/sanitizer.h"

namespace connbench::known {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::Ge;

class Loads : public KnownSession {
 protected:
  // The times between consecutive attempts of each wave.
  std::vector<std::vector<int64_t>> gaps() const {
    std::vector<std::vector<int64_t>> all;
    const auto samples = rows("samples.csv");
    for (size_t i = 0; i < samples.size(); ++i) {
      if (i % request_.attempts == 0)
        all.emplace_back();
      else
        all.back().push_back(clock_ns(samples[i], "scheduled_ns") - clock_ns(samples[i - 1], "scheduled_ns"));
    }
    return all;
  }
};

TEST_F(Loads, AHostOutsideIsNeverAskedFasterThanAllowed) {
  NamedTarget host = parse_external("127.0.0.1:9");  // no one connects to it
  host.addresses = {*look_up(host, Family::ipv4).found};
  request_.targets = {host};
  request_.attempts = 6;
  request_.concurrency = {6};
  request_.repetitions = 3;
  request_.external_gap = 3ms;
  request_.count_syscalls = true;
  ASSERT_EQ(run(), SessionEnd::complete);
  const auto waves = gaps();
  ASSERT_EQ(waves.size(), 3U);
  EXPECT_THAT(waves, Each(Each(Ge(Duration(3ms).count()))));
  for (const auto& log : announcer_.counting_logs)
    for (const Seen& seen : log->all(false))
      EXPECT_GE(seen.last.time_ns - seen.made.time_ns, Duration(5 * 3ms).count());
}

// With an hour between its attempts, the wave would reach its limit.
TEST_F(Loads, OurOwnTargetsAreAskedAsFastAsTheyAnswer) {
  host_count = request_.attempts;
  request_.external_gap = 1h;
  request_.wave_limit = 60s;
  ASSERT_EQ(run(), SessionEnd::complete);
  for (const Row& row : rows("samples.csv")) EXPECT_NE(row.at("reaped_ns"), "");
}

TEST_F(Loads, EachRepetitionHasArrivalsOfItsOwnSeed) {
  request_.arrival = "poisson:100000/s";
  request_.seed = 77;
  request_.repetitions = 3;
  host_count = request_.attempts;
  ASSERT_EQ(run(), SessionEnd::complete);
  const auto summary = rows("summary.csv");
  const auto samples = rows("samples.csv");
  ASSERT_EQ(summary.size(), 3U);
  for (size_t wave = 0; wave < 3; ++wave) {
    const auto pacing = poisson_arrivals(100'000, 77 + 1 + wave);
    for (size_t i = 0; i < request_.attempts; ++i)
      EXPECT_EQ(clock_ns(samples[wave * request_.attempts + i], "scheduled_ns"),
                clock_ns(summary[wave], "wave_started_ns") + pacing->next_due().count());
  }
}

TEST_F(Loads, TheWarmUpOfASilentTargetGoesToOneThatAnswers) {
  static constexpr TargetEntry silent = [] {
    TargetEntry entry = known_target<>;
    entry.answers = false;
    return entry;
  }();
  request_.targets = {NamedTarget{&silent, "known", ""}};
  host_count = request_.attempts;
  ASSERT_EQ(run(), SessionEnd::complete);
  const auto& log = *announcer_.logs.front();
  ASSERT_EQ(log.all(true).size(), 1U);
  EXPECT_GE(log.all(true).front().first_attempt, host_count) << "it was asked to connect to the silent one";
  EXPECT_EQ(log.all(false).front().first_attempt, 0U);
}

TEST_F(Loads, SystemCallsAreThoseOfACountingWaveOfTheSameCase) {
  SKIP_UNDER_THREAD_SANITIZER();
  host_count = 60;
  request_.attempts = 60;
  request_.concurrency = {2, 5};
  request_.count_syscalls = true;
  behaviour.work = [](Moment moment, Seen& seen) {
    // getppid() is made once per attempt too; what is made outside the wave must not be counted.
    const size_t times = moment == Moment::running ? 100 * seen.max_in_flight : 7;
    for (size_t i = 0; i < times; ++i) ::syscall(SYS_getppid);
  };
  ASSERT_EQ(run(), SessionEnd::complete);
  if (session_->syscall_method().empty()) GTEST_SKIP() << testing::PrintToString(session_->warnings());
  std::map<uint64_t, uint64_t> total_of;
  const auto all_counted = document("run.json").at("syscalls");
  for (const auto& counted : all_counted) {
    EXPECT_EQ(counted.at("method"), session_->syscall_method());
    const uint64_t in_flight = counted.at("concurrency");
    if (counted.at("calls").contains("getppid")) {
      EXPECT_EQ(counted.at("calls").at("getppid"), 60 + 100 * in_flight);
    }
    for (const auto& [name, calls] : counted.at("calls").items()) total_of[in_flight] += calls.get<uint64_t>();
  }
  ASSERT_EQ(total_of.size(), 2U);
  EXPECT_NE(total_of[5], total_of[2]) << "the two cases cannot be told apart";
  const auto summary = rows("summary.csv");
  ASSERT_EQ(summary.size(), 2U) << "a counting wave is no timed one";
  EXPECT_EQ(summary.front().at("wave"), "1") << "nor does it count among them";
  EXPECT_EQ(summary.back().at("wave"), "2");
  for (const Row& row : summary) EXPECT_EQ(number(row, "syscalls"), total_of[number(row, "concurrency")]);
}

// Two targets whose hosts differ: the connector's os_error tells which host an attempt was given.
class FleetLoads : public KnownSession, public testing::WithParamInterface<size_t> {
 protected:
  static constexpr size_t first_of_other = 1000;

  FleetLoads() {
    host_count = 3;
    request_.attempts = 40;
    request_.concurrency = {4};
    request_.shards = GetParam();
    request_.repetitions = 2;
    request_.seed = 5;
    request_.targets = {};
  }

  template <Outcome other>
  void run_fleet() {
    // The scenario is found by names that it knows.
    request_.mixes = {Mix{{{NamedTarget{&known_target<>, "accepting", ""}, 7500},
                           {NamedTarget{&known_target<first_of_other, other>, "refusing", ""}, 2500}}}};
    ASSERT_EQ(run(), SessionEnd::complete);
  }
};

INSTANTIATE_TEST_SUITE_P(In, FleetLoads, testing::Values(1, 3),
                         [](const auto& in) { return fmt::format("{}_shards", in.param); });

TEST_P(FleetLoads, AnAttemptGoesToTheTargetThatItsRowNames) {
  run_fleet<Outcome::refused>();
  const auto samples = rows("samples.csv");
  ASSERT_EQ(samples.size(), 80U);
  for (unsigned repetition = 1; repetition <= 2; ++repetition) {
    const Assignment assignment = assign(request_.mixes.front(), 40, 5 + repetition);
    std::map<std::string, size_t> turn{{"accepting", 0}, {"refusing", first_of_other}};
    for (size_t i = 0; i < 40; ++i) {
      const Row& row = samples[(repetition - 1) * 40 + i];
      const std::string& target = assignment.targets[assignment.of[i]];
      EXPECT_EQ(row.at("target"), target);
      const size_t first = target == "refusing" ? first_of_other : 0;
      EXPECT_EQ(number(row, "os_error"), turn[target] + 1) << "its hosts are used in turn";
      turn[target] = first + (turn[target] - first + 1) % host_count;
    }
  }
}

TEST_P(FleetLoads, CountTheServerOfTheOnlyTargetThatCanConnect) {
  const Server healthy, other;
  behaviour.server = healthy.pid();
  servers_of_others = other.pid();
  behaviour.work = [&](Moment, Seen&) {
    other.use_cpu(5ms);
    healthy.use_cpu(2ms);
  };
  run_fleet<Outcome::refused>();
  size_t whole = 0;
  for (const Row& row : rows("summary.csv")) {
    if (row.at("target") != "*") {
      EXPECT_EQ(row.at("server_cpu_ns"), "");
      continue;
    }
    const auto measured = announcer_.logs[whole++]->all(false);
    const auto [least, most] = bounds_of(measured, [](const Reading& reading) { return reading.server_cpu_ns; });
    EXPECT_GE(std::stoll(row.at("server_cpu_ns")), least);
    EXPECT_LE(std::stoll(row.at("server_cpu_ns")), most);
  }
  EXPECT_EQ(whole, 2U);
}

TEST_P(FleetLoads, CountNoServerWhenSeveralCanConnect) {
  const Server healthy, other;
  behaviour.server = healthy.pid();
  servers_of_others = other.pid();
  run_fleet<Outcome::connected>();
  for (const Row& row : rows("summary.csv")) EXPECT_EQ(row.at("server_cpu_ns"), "");
}

}  // namespace
}  // namespace connbench::known
