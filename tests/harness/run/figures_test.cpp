// Every figure of the records is the one of its own wave, attempt and target. The connector reports known times, unlike
// those of any clock, and the expected figures are computed here.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/record/benchmark_json.h"
#include "harness/support/sanitized.h"
#include "harness/support/statistics.h"
#include "tests/harness/run/known_session.h"

namespace connbench::known {
namespace {

using namespace std::chrono_literals;

constexpr size_t attempts = sanitized ? 800 : 1'000;  // half of them connect: enough for a p99
constexpr int64_t between_arrivals_ns = 1'000;
constexpr const char* arrival = "uniform:1000000/s";

// The nearest rank; "" when the sample is too small.
std::string rank(std::vector<int64_t> values, double q) {
  std::ranges::sort(values);
  if (values.size() < samples_needed(q)) return "";
  return std::to_string(values[static_cast<size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1]);
}

// What a wave of known attempts comes to.
class Expected {
 public:
  Expected(unsigned wave, const Case& what) {
    for (size_t i = 0; i < what.attempts; ++i)
      add(report_of(wave, i), static_cast<int64_t>(i) * between_arrivals_ns, what);
    const std::pair<const char*, const std::vector<int64_t>*> distributions[] = {
        {"", &connecting_}, {"queue_", &queue_}, {"overshoot_", &overshoot_}};
    for (const auto& [prefix, values] : distributions)
      for (const auto& [name, q] : {std::pair{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"max", 1.}})
        cells_[std::string(prefix) + name + "_ns"] = rank(*values, q);
    cells_["added_p50_ns"] = rank(added_, .5);
    cells_["added_p99_ns"] = rank(added_, .99);
    for (const Outcome outcome : all_outcomes()) cells_.try_emplace(std::string(to_string(outcome)), "0");
    cells_["makespan_ns"] = std::to_string(last_);
  }

  const std::map<std::string, std::string>& cells() const { return cells_; }
  double per_second(size_t count) const { return static_cast<double>(count) * 1e9 / static_cast<double>(last_); }
  size_t connected() const { return connecting_.size(); }
  size_t answered() const { return answered_; }
  double in_flight() const { return in_flight_sum_ / static_cast<double>(last_); }
  size_t started() const { return queue_.size(); }
  size_t completed() const { return completed_; }
  size_t late() const { return late_; }
  /// In arrivals; attempts that did not connect never came back.
  std::string response(double q) const {
    std::vector<int64_t> all = response_;
    all.resize(attempts, INT64_MAX);
    const std::string value = rank(all, q);
    return value == std::to_string(INT64_MAX) ? "" : value;
  }

 private:
  void add(const Report& report, int64_t scheduled, const Case& what) {
    const Outcome outcome = report.result.outcome;
    std::string& count = cells_[std::string(to_string(outcome))];
    count = std::to_string(count.empty() ? 1 : std::stoi(count) + 1);
    if (outcome == Outcome::never_started) {
      ++late_;
      return;
    }
    const int64_t waited = report.waited.count(), took = report.took.count();
    queue_.push_back(waited);
    if (waited > 1'000'000) ++late_;
    last_ = std::max(last_, scheduled + waited + took);
    in_flight_sum_ += static_cast<double>(took);
    if (outcome != Outcome::cancelled) ++completed_;
    if (outcome == Outcome::deadline_exceeded) overshoot_.push_back(took - what.timeout.count());
    if (outcome <= Outcome::unreachable) ++answered_;
    if (outcome != Outcome::connected) return;
    connecting_.push_back(took);
    response_.push_back(waited + took);
    if (report.handshake.known && report.handshake.syn_retransmits == 0)
      added_.push_back(took - report.handshake.round_trip.count());
  }

  std::vector<int64_t> connecting_, queue_, overshoot_, added_, response_;
  std::map<std::string, std::string> cells_;
  int64_t last_ = 0;
  double in_flight_sum_ = 0;
  size_t answered_ = 0, completed_ = 0, late_ = 0;
};

// Eight cases in two repetitions, undivided and in three shards.
class Figures : public KnownSession, public testing::WithParamInterface<size_t> {
 protected:
  void SetUp() override {
    host_count = attempts;
    request_.concurrency = {4, 40};
    request_.timeouts = {120ms, 7s};
    request_.attempts = attempts;
    request_.repetitions = 2;
    request_.arrival = arrival;
    request_.shards = GetParam();
    ASSERT_EQ(run({"known-one", "known-two"}), SessionEnd::complete);
    summary_ = rows("summary.csv");
    ASSERT_EQ(summary_.size(), 16U);
    ASSERT_EQ(announcer_.waves.size(), 16U);
  }

  const Case& what(size_t wave) const { return announcer_.waves[wave].what; }

  std::vector<Row> summary_;  // in the order of the waves
};
INSTANTIATE_TEST_SUITE_P(In, Figures, testing::Values(1, 3),
                         [](const auto& in) { return fmt::format("{}_shards", in.param); });

TEST_P(Figures, OfASummaryRowAreThoseOfItsWave) {
  for (size_t i = 0; i < summary_.size(); ++i) {
    const Row& row = summary_[i];
    SCOPED_TRACE(fmt::format("wave {}", i + 1));
    const Expected expected(static_cast<unsigned>(i + 1), what(i));
    std::map<std::string, std::string> cells = expected.cells();
    cells.insert({{"run_id", "run"},
                  {"scenario", std::string("steady:") + arrival},
                  {"connector", what(i).connector},
                  {"target", "known"},
                  {"family", "4"},
                  {"concurrency", std::to_string(what(i).concurrency)},
                  {"shards", std::to_string(GetParam())},
                  {"timeout_ns", std::to_string(what(i).timeout.count())},
                  {"repetition", std::to_string(announcer_.waves[i].repetition)},
                  {"wave", std::to_string(i + 1)},
                  {"attempts", std::to_string(attempts)},
                  {"server_cpu_ns", ""},
                  {"syscalls", ""}});
    for (const auto& [column, value] : cells) EXPECT_EQ(row.at(column), value) << column;
    EXPECT_NEAR(std::stod(row.at("connects_per_s")), expected.per_second(expected.connected()), 1e-2);
    EXPECT_NEAR(std::stod(row.at("completions_per_s")), expected.per_second(expected.answered()), 1e-2);
    EXPECT_NEAR(std::stod(row.at("in_flight_mean")), expected.in_flight(), 1e-2);
  }
}

TEST_P(Figures, OfAnAttemptAreItsOwn) {
  std::map<std::string, size_t> wave_of;
  const auto name = [](const Row& row) {
    return row.at("connector") + " " + row.at("concurrency") + " " + row.at("timeout_ns") + " " + row.at("repetition");
  };
  for (size_t i = 0; i < summary_.size(); ++i) wave_of[name(summary_[i])] = i;
  ASSERT_EQ(wave_of.size(), summary_.size());
  const auto samples = rows("samples.csv");
  ASSERT_EQ(samples.size(), 16 * attempts);
  for (size_t i = 0; i < samples.size(); ++i) {
    const Row& row = samples[i];
    const size_t wave = wave_of.at(name(row));
    const size_t attempt = i % attempts;
    SCOPED_TRACE(fmt::format("attempt {} of wave {}", attempt, wave + 1));
    const Report report = report_of(static_cast<unsigned>(wave + 1), attempt);
    const bool started = report.result.outcome != Outcome::never_started;
    const int64_t scheduled =
        std::stoll(summary_[wave].at("wave_started_ns")) + static_cast<int64_t>(attempt) * between_arrivals_ns;
    const int64_t began = scheduled + report.waited.count();
    ASSERT_EQ(row.at("attempt"), std::to_string(attempt));
    ASSERT_EQ(row.at("shard"), std::to_string(attempt % GetParam()));
    ASSERT_EQ(row.at("scheduled_ns"), std::to_string(scheduled));
    ASSERT_EQ(row.at("started_ns"), started ? std::to_string(began) : "");
    ASSERT_EQ(row.at("finished_ns"), started ? std::to_string(began + report.took.count()) : "");
    ASSERT_EQ(row.at("outcome"), to_string(report.result.outcome));
    ASSERT_EQ(row.at("stage"), to_string(report.result.stage));
    ASSERT_EQ(row.at("os_error"), std::to_string(report.result.os_error));
    const Handshake& handshake = report.handshake;
    const bool one_exchange = handshake.known && handshake.syn_retransmits == 0;
    ASSERT_EQ(row.at("handshake_ns"), one_exchange ? std::to_string(handshake.round_trip.count()) : "");
    ASSERT_EQ(row.at("syn_retransmits"), handshake.known ? std::to_string(handshake.syn_retransmits) : "");
  }
}

// The clock is read after the connector has returned the attempt, and before it is asked for the next one.
TEST_P(Figures, ReapedIsWhenTheRunnerGotTheAttemptAndWaveStartedWhenItBegan) {
  const auto samples = rows("samples.csv");
  for (size_t wave = 0; wave < summary_.size(); ++wave) {
    const auto measured = announcer_.logs[wave]->all(false);
    ASSERT_EQ(measured.size(), GetParam());
    for (const Seen& seen : measured) {
      EXPECT_LE(seen.made.time_ns, clock_ns(summary_[wave], "wave_started_ns"));
      EXPECT_GE(seen.first.time_ns, clock_ns(summary_[wave], "wave_started_ns"));
    }
    for (size_t i = 0; i < attempts; ++i) {
      const Row& row = samples[wave * attempts + i];
      const auto seen = std::ranges::find(measured, i % GetParam(), [](const Seen& one) {
        return one.first_attempt;  // shard i begins with attempt i
      });
      ASSERT_NE(seen, measured.end());
      ASSERT_GE(clock_ns(row, "reaped_ns"), seen->first.time_ns);
      ASSERT_LE(clock_ns(row, "reaped_ns"), seen->gone.time_ns);
    }
  }
}

TEST_P(Figures, OfAnArrivalsAccountAreThoseOfItsWave) {
  const auto accounts = document("run.json").at("arrivals");
  ASSERT_EQ(accounts.size(), summary_.size());
  for (size_t i = 0; i < accounts.size(); ++i) {
    const auto& account = accounts[i];
    const Expected expected(static_cast<unsigned>(i + 1), what(i));
    SCOPED_TRACE(fmt::format("wave {}", i + 1));
    EXPECT_EQ(account.at("wave"), i + 1);
    EXPECT_EQ(account.at("repetition"), announcer_.waves[i].repetition);
    EXPECT_EQ(account.at("connector"), what(i).connector);
    EXPECT_EQ(account.at("concurrency"), what(i).concurrency);
    EXPECT_EQ(account.at("timeout_ns"), what(i).timeout.count());
    EXPECT_EQ(account.at("offered"), attempts);
    EXPECT_EQ(account.at("started"), expected.started());
    EXPECT_EQ(account.at("completed"), expected.completed());
    EXPECT_EQ(account.at("late"), expected.late());
    for (const auto& [name, q] : {std::pair{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"max", 1.}}) {
      const auto& found = account.at(fmt::format("response_{}_ns", name));
      EXPECT_EQ(found.is_null() ? "" : found.dump(), expected.response(q)) << name;
    }
  }
}

// Half of the attempts fail, and they cost processor time as well.
TEST_P(Figures, OfABenchmarkAreThoseOfItsWaveAndItsCpuTimeIsPerAttempt) {
  std::map<std::pair<std::string, size_t>, nlohmann::json> entries;
  const auto benchmarks = document("benchmark.json").at("benchmarks");
  for (const auto& entry : benchmarks) entries[{entry.at("name"), entry.at("repetition_index")}] = entry;
  for (size_t i = 0; i < summary_.size(); ++i) {
    const std::string name = benchmark_name(what(i), Duration{});
    const size_t index = announcer_.waves[i].repetition - 1;
    SCOPED_TRACE(fmt::format("{}, wave {}", name, i + 1));
    const double cpu = std::stod(summary_[i].at("cpu_ns")) / attempts;
    const auto& p99 = entries.at({name + "/p99", index});
    EXPECT_EQ(fmt::format("{:.0f}", p99.at("real_time").get<double>()), summary_[i].at("p99_ns"));
    EXPECT_NEAR(p99.at("cpu_time"), cpu, cpu / 1e9);
    EXPECT_EQ(p99.at("iterations"), attempts);
    EXPECT_EQ(p99.at("repetitions"), 2);
    EXPECT_EQ(p99.at("threads"), GetParam());
    const auto& overshoot = entries.at({name + "/overshoot_p90", index});
    EXPECT_EQ(fmt::format("{:.0f}", overshoot.at("real_time").get<double>()), summary_[i].at("overshoot_p90_ns"));
    EXPECT_NEAR(entries.at({name + "/cpu_per_attempt", index}).at("real_time"), cpu, cpu / 1e9);
    const double each = 1e9 / std::stod(summary_[i].at("connects_per_s"));
    EXPECT_NEAR(entries.at({name + "/time_per_connect", index}).at("real_time"), each, each / 1e4);
  }
}

}  // namespace
}  // namespace connbench::known
