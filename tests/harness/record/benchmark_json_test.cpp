#include "harness/record/benchmark_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "harness/record/benchmark_context.h"
#include "tests/harness/record/waves.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;

constexpr Duration usual = 200ms;

SummaryRow row_of(unsigned repetition, int64_t took, Outcome outcome = Outcome::connected) {
  auto wave = wave_of("epoll", repetition);
  wave.usage.cpu_ns = 400;
  return summarise({"run", test_origin, wave, std::vector<Sample>(40, sample_of(outcome, 0, 0, took))});
}

const json& entry(const json& document, const std::string& name) {
  for (const auto& e : document.at("benchmarks")) {
    if (e.at("name") == name) return e;
  }
  throw std::out_of_range(name);
}

TEST(BenchmarkName, MentionsOnlyWhatIsUnusual) {
  Case what = wave_of().what;
  EXPECT_EQ(benchmark_name(what, usual), "connect/epoll/accepting/concurrency:4");
  what.family = Family::ipv6;
  what.shards = 2;
  what.timeout = 1s;
  what.scenario = "steady:poisson:5000/s";
  EXPECT_EQ(benchmark_name(what, usual),
            "connect/epoll/accepting/concurrency:4/family:6/shards:2/timeout:1s/scenario:steady:poisson:5000/s");
}

TEST(BenchmarkName, TwoCasesNeverShareOne) {
  std::set<std::string> names;
  size_t cases = 0;
  Case what;
  for (const char* scenario : {"burst", "steady:uniform:5/s"})
    for (const char* connector : {"epoll", "epoll+wait:50ms"})
      for (Family family : {Family::ipv4, Family::ipv6, Family::unix_domain})
        for (size_t concurrency : {1U, 12U})
          for (size_t shards : {1U, 2U})
            for (Duration timeout : {Duration(200ms), Duration(1s), Duration(1000000001ns)}) {
              what = {scenario, connector, "accepting", family, concurrency, shards, 10, timeout};
              names.insert(benchmark_name(what, usual));
              ++cases;
            }
  EXPECT_EQ(names.size(), cases);
}

TEST(BenchmarkJson, IsADocumentBeforeTheFirstWave) {
  const BenchmarkJson empty(benchmark_context(), usual, 1);
  for (const auto& text : {empty.raw(), empty.aggregate()}) {
    const auto document = json::parse(text);
    EXPECT_TRUE(document.at("benchmarks").empty());
    EXPECT_TRUE(document.at("context").at("caches").is_array());
    EXPECT_GE(document.at("context").at("num_cpus"), 1);
  }
}

TEST(BenchmarkJson, HoldsEveryRepetition) {
  BenchmarkJson benchmarks(benchmark_context(), usual, 2);
  benchmarks.add(row_of(1, 100));
  benchmarks.add(row_of(2, 300));
  const auto document = json::parse(benchmarks.raw());
  std::vector<double> times;
  std::vector<int> indices;
  for (const auto& e : document.at("benchmarks")) {
    if (e.at("name") != "connect/epoll/accepting/concurrency:4/p50") continue;
    times.push_back(e.at("real_time"));
    indices.push_back(e.at("repetition_index"));
    EXPECT_EQ(e.at("run_name"), e.at("name"));
    EXPECT_EQ(e.at("run_type"), "iteration");
    EXPECT_EQ(e.at("repetitions"), 2);
    EXPECT_EQ(e.at("threads"), 1);
    EXPECT_EQ(e.at("iterations"), 40);
    EXPECT_EQ(e.at("cpu_time"), 10);
    EXPECT_EQ(e.at("time_unit"), "ns");
  }
  EXPECT_THAT(times, ElementsAre(100, 300));
  EXPECT_THAT(indices, ElementsAre(0, 1));
}

TEST(BenchmarkJson, AggregatesToOneMedianPerName) {
  BenchmarkJson benchmarks(benchmark_context(), usual, 3);
  for (int64_t took : {100, 900, 300}) benchmarks.add(row_of(1, took));
  const auto document = json::parse(benchmarks.aggregate());
  EXPECT_EQ(entry(document, "connect/epoll/accepting/concurrency:4/p90").at("real_time"), 300);
  std::set<std::string> names;
  for (const auto& e : document.at("benchmarks")) {
    const std::string name = e.at("name");
    EXPECT_TRUE(names.insert(name).second) << name << " appears twice";
    EXPECT_EQ(name.find("_cv"), std::string::npos);
    EXPECT_EQ(name.find("_stddev"), std::string::npos);
    EXPECT_EQ(e.at("iterations"), 3);
  }
}

TEST(BenchmarkJson, GivesTheRateAsATimeSoThatSmallerIsBetter) {
  BenchmarkJson benchmarks(benchmark_context(), usual, 1);
  benchmarks.add(row_of(1, 1000));
  const auto document = json::parse(benchmarks.raw());
  const double time = entry(document, "connect/epoll/accepting/concurrency:4/time_per_connect").at("real_time");
  EXPECT_NEAR(time, 1000.0 / 40, 1e-6);
  EXPECT_EQ(entry(document, "connect/epoll/accepting/concurrency:4/cpu_per_attempt").at("real_time"), 10);
}

TEST(BenchmarkJson, LeavesOutFiguresThatTheWaveDoesNotHave) {
  auto row = row_of(1, 1000, Outcome::refused);
  row.usage.cpu_ns = -1;
  EXPECT_TRUE(benchmark_figures(row).empty());
  BenchmarkJson benchmarks(benchmark_context(), usual, 1);
  benchmarks.add(row);
  EXPECT_TRUE(json::parse(benchmarks.raw()).at("benchmarks").empty());
}

TEST(BenchmarkJson, HasNoEntryWithoutCpuTimeBecauseReadersWouldRejectTheFile) {
  auto row = row_of(1, 1000);
  row.usage.cpu_ns = -1;
  ASSERT_FALSE(benchmark_figures(row).empty());
  BenchmarkJson benchmarks(benchmark_context(), usual, 1);
  benchmarks.add(row);
  for (const auto& text : {benchmarks.raw(), benchmarks.aggregate()})
    EXPECT_TRUE(json::parse(text).at("benchmarks").empty());
}

TEST(BenchmarkJson, GivesOvershootWhereTheDeadlineEndedAttempts) {
  std::vector<std::string> names;
  for (const auto& figure : benchmark_figures(row_of(1, 200'000'100, Outcome::deadline_exceeded))) {
    names.emplace_back(figure.name);
  }
  EXPECT_THAT(names, ElementsAre("overshoot_p50", "overshoot_p90", "reaped_overshoot_p50", "reaped_overshoot_p90",
                                 "cpu_per_attempt"))
      << "40 values do not support p99";
}

}  // namespace
}  // namespace connbench
