// The lateness of a connector whose lateness is known, on its whole way: the drive loop, samples.csv, summary.csv,
// benchmark.json, the table on the screen, and the report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bench/table.h"
#include "harness/record/recorder.h"
#include "harness/wave/runner.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/harness/connector/late_connector.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::HasSubstr;

constexpr size_t known_attempts = 400;
constexpr Duration known_timeout = 10'500us;  // half-way between two starts
constexpr Duration known_held = 25us;

// 10, 11, … 109 µs, four times: p50 is the 200th, 59 µs; p90 the 360th, 99 µs; p99 the 396th, 108 µs.
Duration lateness_of(uint64_t id) {
  return 10us + static_cast<int64_t>(id % 100) * 1us;
}

const Case known_case{.scenario = "steady:uniform:1000/s",
                      .connector = "late",
                      .target = "blackhole",
                      .concurrency = known_attempts,
                      .attempts = known_attempts,
                      .timeout = known_timeout};

class KnownLatenessTest : public testing::Test {
 protected:
  KnownLatenessTest() : samples_(known_attempts) {
    simulated = TimePoint(1h);
    LateConnector connector({.of = lateness_of, .held = known_held});
    const std::vector<Endpoint> endpoints{Endpoint::ipv4(INADDR_LOOPBACK, 1)};
    const auto pacing = uniform_arrivals(1000);
    drive(connector,
          {.load = {.endpoints = endpoints, .limit = 1h},
           .concurrency = known_attempts,
           .timeout = known_timeout,
           .pacing = pacing.get(),
           .clock = simulated_now,
           .sleep = simulated_sleep},
          samples_);
    RunInfo info;
    info.run_id = "known";
    info.command_line = {"connbench", "run"};
    info.usual_timeout = known_timeout;
    info.origin.monotonic_ns = to_ns(TimePoint(1h));
    Recorder recorder(RunFolder(folder_.path() / "run"), info);
    WaveResult wave;
    wave.what = known_case;
    wave.repetition = wave.wave = 1;
    wave.started_ns = to_ns(TimePoint(1h));
    wave.usage.cpu_ns = 1;
    row_ = recorder.add(wave, samples_);
    recorder.finish(true, {});
  }

  std::filesystem::path file(const char* name) const { return folder_.path() / "run" / name; }

  TemporaryFolder folder_;
  std::vector<Sample> samples_;
  SummaryRow row_;
};

TEST_F(KnownLatenessTest, IsInTheSamples) {
  const std::vector<Row> rows = rows_of(file("samples.csv"));
  ASSERT_EQ(rows.size(), known_attempts);
  for (const Row& row : rows) {
    const uint64_t deadline = number(row, "started_ns") + number(row, "timeout_ns");
    const auto late = static_cast<uint64_t>(lateness_of(number(row, "attempt")).count());
    EXPECT_EQ(number(row, "finished_ns"), deadline + late);
    EXPECT_EQ(number(row, "reaped_ns"), deadline + late + static_cast<uint64_t>(known_held.count()));
  }
}

TEST_F(KnownLatenessTest, IsInTheSummary) {
  const Row row = rows_of(file("summary.csv")).at(0);
  const std::map<std::string, std::string> expected = {
      {"overshoot_p50_ns", "59000"},         {"overshoot_p90_ns", "99000"},
      {"overshoot_p99_ns", "108000"},        {"overshoot_p999_ns", ""},
      {"overshoot_max_ns", "109000"},        {"reaped_overshoot_p50_ns", "84000"},
      {"reaped_overshoot_p90_ns", "124000"}, {"reaped_overshoot_p99_ns", "133000"},
      {"reaped_overshoot_p999_ns", ""},      {"reaped_overshoot_max_ns", "134000"}};
  for (const auto& [column, value] : expected) EXPECT_EQ(row.at(column), value) << column;
}

TEST_F(KnownLatenessTest, IsInTheBenchmarkFiles) {
  std::map<std::string, double> expected = {{"overshoot_p50", 59000},         {"overshoot_p90", 99000},
                                            {"overshoot_p99", 108000},        {"reaped_overshoot_p50", 84000},
                                            {"reaped_overshoot_p90", 124000}, {"reaped_overshoot_p99", 133000}};
  for (const char* name : {"benchmark.json", "benchmark-aggregate.json"}) {
    const auto benchmarks = json_of(file(name)).at("benchmarks");
    for (const auto& entry : benchmarks) {
      const std::string full = entry.at("name");
      const std::string figure = full.substr(full.rfind('/') + 1);
      if (figure.find("overshoot") == std::string::npos) continue;
      EXPECT_EQ(entry.at("real_time"), expected.at(figure)) << full;
    }
  }
}

TEST_F(KnownLatenessTest, IsOnTheScreen) {
  const NamedTarget target = find_target("blackhole");
  PlannedCase planned{.what = known_case, .connector = nullptr, .target = &target, .limit = 1h};
  const std::string table = result_table({CaseResult{&planned, {row_}, {}}}, {}, 500);
  const size_t line = table.find("\n  late ");
  ASSERT_NE(line, std::string::npos) << table;
  EXPECT_THAT(table.substr(line, table.find('\n', line + 1) - line),
              testing::ContainsRegex(" 59\\.0 +108 +84\\.0 +133 "))
      << table;
}

TEST_F(KnownLatenessTest, IsInTheReport) {
  const std::string script = CONNBENCH_SOURCE_DIR "/scripts/report";
  const Ended ended = Program({"/usr/bin/python3", "-B", script, file("").string()}).wait();
  if (ended.status != 0 && ended.err.find("apt-get install") != std::string::npos) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.status, 0) << ended.err;
  const std::string page = content_of(file("report.html"));
  for (const char* cell : {"data-v=59000>59.0", "data-v=108000>108", "data-v=84000>84.0", "data-v=133000>133"})
    EXPECT_THAT(page, HasSubstr(cell));
  EXPECT_THAT(page, HasSubstr("given up after the deadline by (p50): late, <span class=whole>59.0 µs</span>"));
  EXPECT_THAT(
      page,
      HasSubstr("late p99 <span class=whole>108 µs</span>, received by its caller <span class=whole>84.0 µs</span>"));
  EXPECT_THAT(page, HasSubstr("until the caller received them"));
}

}  // namespace
}  // namespace connbench
