#include "harness/record/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "tests/harness/record/waves.h"
#include "tests/support/python_csv.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using nlohmann::json;

RunInfo info_of(SamplesKept samples = SamplesKept::all) {
  RunInfo info;
  info.run_id = "run";
  info.samples = samples;
  info.usual_timeout = std::chrono::milliseconds(200);
  info.origin = {test_origin, 0};
  return info;
}

std::vector<Sample> ten() {
  return std::vector<Sample>(10, sample_of(Outcome::connected, 0, 10, 100));
}

class RecorderTest : public testing::Test {
 protected:
  json document(std::string_view name) const { return json::parse(content_of(folder_.path() / name)); }
  Rows rows(std::string_view name) const { return read_with_python(folder_.path() / name); }
  RunFolder claim() const { return RunFolder(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(RecorderTest, ARunThatHasMeasuredNothingIsIncomplete) {
  const Recorder recorder(claim(), info_of());
  EXPECT_EQ(document("run.json").at("complete"), false);
  EXPECT_EQ(rows("samples.csv").size(), 1U);
  EXPECT_EQ(rows("summary.csv").size(), 1U);
  EXPECT_TRUE(document("benchmark.json").at("benchmarks").empty());
  EXPECT_TRUE(document("benchmark-aggregate.json").at("benchmarks").empty());
}

TEST_F(RecorderTest, EveryFileHasAWaveAsSoonAsItIsAdded) {
  Recorder recorder(claim(), info_of());
  auto wave = wave_of();
  wave.usage.cpu_ns = 400;
  const auto row = recorder.add(wave, ten());
  EXPECT_EQ(row.connecting.p50, 100);
  EXPECT_EQ(rows("samples.csv").size(), 11U);
  EXPECT_EQ(rows("summary.csv").size(), 2U);
  EXPECT_FALSE(document("benchmark.json").at("benchmarks").empty());
  EXPECT_FALSE(document("benchmark-aggregate.json").at("benchmarks").empty());
}

// Healthy attempts connect within 100 ns each; a dead host holds up the queue for 1,000 ns.
std::vector<Sample> fleet_samples() {
  return {sample_of(Outcome::connected, 0, 10, 100), sample_of(Outcome::deadline_exceeded, 0, 10, 990),
          sample_of(Outcome::connected, 0, 10, 100), never_started()};
}

WaveResult fleet_wave() {
  WaveResult wave = wave_of();
  wave.what.scenario = "fleet:accepting=75,blackhole=25";
  wave.what.target = every_target;
  wave.what.attempts = 4;
  wave.usage.cpu_ns = 4000;
  return wave;
}

const Assignment fleet_assignment{.targets = {"accepting", "blackhole"}, .of = {0, 1, 0, 0}};

TEST_F(RecorderTest, AFleetHasARowPerTargetAndOneForAll) {
  Recorder recorder(claim(), info_of());
  const SummaryRow row = recorder.add(fleet_wave(), fleet_samples(), &fleet_assignment);
  EXPECT_EQ(row.by_target.size(), 2U);
  const auto found = rows("summary.csv");
  const auto column = [&](std::string_view name) {
    return static_cast<size_t>(std::ranges::find(found[0], name) - found[0].begin());
  };
  const auto cells = [&](std::string_view name) {
    return std::vector<std::string>{found[1][column(name)], found[2][column(name)], found[3][column(name)]};
  };
  ASSERT_EQ(found.size(), 4U);
  using Cells = std::vector<std::string>;
  EXPECT_EQ(cells("target"), (Cells{"accepting", "blackhole", "*"}));
  EXPECT_EQ(cells("attempts"), (Cells{"3", "1", "4"}));
  EXPECT_EQ(cells("connected"), (Cells{"2", "0", "2"}));
  EXPECT_EQ(cells("never_started"), (Cells{"1", "0", "1"}));
  EXPECT_EQ(cells("cpu_ns"), (Cells{"", "", "4000"}));
  EXPECT_EQ(cells("makespan_ns"), (Cells{"1000", "1000", "1000"}))
      << "in one queue, no target is finished before the others";
  EXPECT_EQ(cells("connects_per_s"), (Cells{"2000000", "", "2000000"}));
}

TEST_F(RecorderTest, AnAttemptOfAFleetHasItsOwnTarget) {
  Recorder recorder(claim(), info_of());
  recorder.add(fleet_wave(), fleet_samples(), &fleet_assignment);
  std::vector<std::string> targets;
  for (const auto& row : rows("samples.csv")) targets.push_back(row.at(3));
  EXPECT_EQ(targets, (std::vector<std::string>{"target", "accepting", "blackhole", "accepting", "accepting"}));
}

TEST_F(RecorderTest, AnOpenLoopWaveIsAccountedFor) {
  RunInfo info = info_of();
  info.arrival = "uniform:5000/s";
  Recorder recorder(claim(), info);
  std::vector<Sample> samples(7, sample_of(Outcome::connected, 0, 10, 100));
  samples[0] = sample_of(Outcome::connected, 0, late_bound.count(), 100);
  samples[1] = sample_of(Outcome::connected, 0, late_bound.count() + 1, 100);
  samples[2] = sample_of(Outcome::cancelled, 0, 10, 100);
  samples[3] = never_started();
  samples[3].scheduled_ns = test_origin;
  samples[4] = never_started();
  recorder.add(wave_of(), samples);
  const json arrivals = document("run.json").at("arrivals");
  ASSERT_EQ(arrivals.size(), 1U);
  const json& wave = arrivals[0];
  EXPECT_EQ(wave.at("offered"), 6) << "one was not yet due";
  EXPECT_EQ(wave.at("started"), 5);
  EXPECT_EQ(wave.at("completed"), 4);
  EXPECT_EQ(wave.at("late"), 2) << "one just past the bound, and one never started";
  EXPECT_EQ(wave.at("response_p50_ns"), late_bound.count() + 101) << "the fourth of seven";
  EXPECT_EQ(wave.at("response_max_ns"), nullptr) << "three never connected";
}

TEST_F(RecorderTest, WithoutSamplesThereIsNoSamplesFile) {
  Recorder recorder(claim(), info_of(SamplesKept::none));
  recorder.add(wave_of(), ten());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "samples.csv"));
  EXPECT_EQ(rows("summary.csv").size(), 2U);
}

TEST_F(RecorderTest, ATimedWaveHasTheCallsOfTheCountingWaveOfItsCase) {
  Recorder recorder(claim(), info_of());
  auto counting = wave_of("epoll");
  counting.syscalls = {{"connect", 10}, {"socket", 11}};
  recorder.count(counting, "tracepoint");
  EXPECT_EQ(recorder.add(wave_of("epoll"), ten()).syscalls, 21U);
  EXPECT_EQ(recorder.add(wave_of("select-loop"), ten()).syscalls, std::nullopt);
  EXPECT_EQ(document("run.json").at("syscalls").size(), 1U);
}

TEST_F(RecorderTest, ZeroCallsAreACount) {
  Recorder recorder(claim(), info_of());
  recorder.count(wave_of("null"), "tracepoint");
  EXPECT_EQ(recorder.add(wave_of("null"), ten()).syscalls, 0U);
}

TEST_F(RecorderTest, ABrokenCountingWaveIsAFailureWithoutACount) {
  Recorder recorder(claim(), info_of());
  auto counting = wave_of("epoll");
  counting.syscalls = {{"connect", 3}};
  counting.failure = "killed by signal 9";
  recorder.count(counting, "tracepoint");
  EXPECT_EQ(recorder.add(wave_of("epoll"), ten()).syscalls, std::nullopt);
  EXPECT_EQ(document("run.json").at("failures").size(), 1U);
}

TEST_F(RecorderTest, ABrokenWaveIsRecordedButNotABenchmark) {
  Recorder recorder(claim(), info_of());
  auto wave = wave_of();
  wave.failure = "killed by signal 11";
  recorder.add(wave, ten());
  EXPECT_EQ(rows("summary.csv").size(), 2U);
  EXPECT_EQ(document("run.json").at("failures").at(0).at("failure"), "killed by signal 11");
  EXPECT_TRUE(document("benchmark.json").at("benchmarks").empty());
}

TEST_F(RecorderTest, SkippedCasesAndWarningsAreWrittenImmediately) {
  Recorder recorder(claim(), info_of());
  recorder.skip({.scenario = "burst", .connector = "io-uring", .target = "accepting"}, "disabled");
  EXPECT_EQ(document("run.json").at("skipped").size(), 1U);
  recorder.warn("near the end of the port range");
  EXPECT_EQ(document("run.json").at("warnings").size(), 1U);
}

TEST_F(RecorderTest, OnlyAFinishedRunIsComplete) {
  Recorder recorder(claim(), info_of());
  recorder.add(wave_of(), ten());
  EXPECT_EQ(document("run.json").at("complete"), false);
  recorder.finish(true, {{"load", 0.5}});
  EXPECT_EQ(document("run.json").at("complete"), true);
  EXPECT_EQ(document("run.json").at("environment_after").at("load"), 0.5);
}

TEST_F(RecorderTest, ARunIsCompleteOnlyIfAllItsFilesAreThere) {
  for (const std::string_view name : {"samples.csv", "summary.csv", "benchmark.json", "benchmark-aggregate.json"}) {
    const auto path = folder_.path() / std::string(name).append(".run");
    Recorder recorder(RunFolder(path), info_of());
    recorder.add(wave_of(), ten());
    std::filesystem::remove(path / name);
    EXPECT_THAT(
        [&] {
          recorder.finish(true, {{"load", 0.5}});
        },
        testing::ThrowsMessage<std::runtime_error>(testing::HasSubstr(name)));
    const json run = json::parse(content_of(path / "run.json"));
    EXPECT_EQ(run.at("complete"), false) << name;
    EXPECT_EQ(run.at("environment_after").at("load"), 0.5) << name;
  }
}

// Four attempts of ten were offered before the wave was stopped, in two shards: 0, 2 and 4, and 1.
TEST_F(RecorderTest, AttemptsThatAStoppedWaveNeverOfferedAreCountedButHaveNoRow) {
  RunInfo info = info_of();
  info.arrival = "uniform:5000/s";
  Recorder recorder(claim(), info);
  auto wave = wave_of();
  wave.what.shards = 2;
  wave.failure = "cut short by a signal";
  wave.offered = {3, 1};
  std::vector<Sample> samples(10);  // as the kernel gives the memory: all zero
  for (const size_t place : {0U, 1U, 2U, 5U}) samples[place] = sample_of(Outcome::connected, 0, 10, 100);
  const SummaryRow row = recorder.add(wave, samples);
  EXPECT_EQ(row.attempts, 10U);
  EXPECT_EQ(row.count(Outcome::connected), 4U);
  EXPECT_EQ(row.count(Outcome::never_started), 6U);
  EXPECT_EQ(row.connecting.max, 100);
  EXPECT_EQ(row.response.p50, never_ns) << "the median of ten is one that did not connect";
  std::vector<std::string> attempts;
  for (const auto& cells : rows("samples.csv")) attempts.push_back(cells.at(9));
  EXPECT_EQ(attempts, (std::vector<std::string>{"attempt", "0", "1", "2", "4"}));
  const json run = document("run.json");
  EXPECT_EQ(run.at("failures").at(0).at("samples_omitted"), 6);
  EXPECT_EQ(run.at("arrivals").at(0).at("offered"), 4);
}

// Two hosts had room for ten attempts and a given time: one of them made 0, 2 and 4, the other one only 1.
TEST_F(RecorderTest, AHostOfAWaveWithAGivenTimeHasTheAttemptsThatItMade) {
  RunInfo info = info_of();
  info.cluster = true;
  info.percentiles = {50};
  Recorder recorder(claim(), info);
  auto wave = wave_of();
  wave.what.hosts = 2;
  wave.hosts = {{.rank = 0}, {.rank = 3}};
  wave.by_time = true;
  wave.offered = {3, 1};
  std::vector<Sample> samples(10);
  for (const size_t place : {0U, 1U, 2U, 5U}) samples[place] = sample_of(Outcome::connected, 0, 10, 100);
  const SummaryRow row = recorder.add(wave, samples);
  EXPECT_EQ(row.attempts, 4U);
  EXPECT_EQ(row.count(Outcome::never_started), 0U);
  ASSERT_EQ(row.by_host.size(), 2U);
  EXPECT_EQ(row.by_host[0].attempts, 3U);
  EXPECT_EQ(row.by_host[1].attempts, 1U);
  EXPECT_EQ(row.by_host[1].count(Outcome::never_started), 0U);
  ASSERT_EQ(row.by_host[1].chosen.size(), 1U);
  EXPECT_FALSE(row.by_host[1].chosen[0].connecting_ns.has_value());  // one attempt is too few for a median
  const auto last_cells = [&](const char* file) {
    std::vector<std::string> cells;
    for (const auto& one : rows(file)) cells.push_back(one.back());
    return cells;
  };
  EXPECT_EQ(last_cells("samples.csv"), (std::vector<std::string>{"rank", "0", "3", "0", "0"}));
  EXPECT_EQ(last_cells("summary.csv"), (std::vector<std::string>{"rank", "0", "3", "*"}));
}

TEST_F(RecorderTest, TheTargetsOfAStoppedFleetKeepTheirShares) {
  Recorder recorder(claim(), info_of());
  auto wave = fleet_wave();
  wave.offered = {2};
  std::vector<Sample> samples = fleet_samples();
  samples[2] = samples[3] = {};
  const SummaryRow row = recorder.add(wave, samples, &fleet_assignment);
  ASSERT_EQ(row.by_target.size(), 2U);
  EXPECT_EQ(row.by_target[0].attempts, 3U);
  EXPECT_EQ(row.by_target[0].count(Outcome::connected), 1U);
  EXPECT_EQ(row.by_target[0].count(Outcome::never_started), 2U);
  EXPECT_EQ(row.by_target[1].attempts, 1U);
  EXPECT_EQ(row.by_target[1].count(Outcome::never_started), 0U);
}

TEST_F(RecorderTest, StopsWritingSamplesWhenToldToAndSaysHowManyAreMissing) {
  constexpr size_t many = 100'000;
  Recorder recorder(claim(), info_of());
  auto wave = wave_of();
  wave.what.attempts = many;
  const std::vector<Sample> samples(many, sample_of(Outcome::connected, 0, 10, 100));
  const SummaryRow row = recorder.add(wave, samples, nullptr, [] { return true; });
  EXPECT_EQ(row.count(Outcome::connected), many);
  const size_t written = rows("samples.csv").size() - 1;
  EXPECT_LT(written, many / 2);
  const json failure = document("run.json").at("failures").at(0);
  EXPECT_EQ(failure.at("samples_omitted"), many - written);
  EXPECT_EQ(failure.at("failure"), "a signal ended the writing of its samples");
}

TEST_F(RecorderTest, SaysDuringWhichWaveTheRunWasSuspended) {
  Recorder recorder(claim(), info_of());
  const WaveResult wave = wave_of();
  recorder.suspended({.stopped = std::chrono::seconds(2), .asleep = {}}, &wave);
  recorder.suspended({.stopped = {}, .asleep = std::chrono::hours(1)}, nullptr);
  const json seen = document("run.json").at("suspensions");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].at("wave"), 7);
  EXPECT_EQ(seen[0].at("stopped_ns"), 2'000'000'000);
  EXPECT_FALSE(seen[1].contains("wave"));
  EXPECT_EQ(seen[1].at("asleep_ns"), 3'600'000'000'000);
}

TEST_F(RecorderTest, AStoppedRunStaysIncomplete) {
  Recorder recorder(claim(), info_of());
  recorder.finish(false, {{"load", 0.5}});
  EXPECT_EQ(document("run.json").at("complete"), false);
}

TEST_F(RecorderTest, ASecondRunCannotUseTheFolder) {
  const Recorder recorder(claim(), info_of());
  EXPECT_THROW(claim(), std::invalid_argument);
}

TEST_F(RecorderTest, OneOfTwoRunsThatClaimAFolderAtTheSameTimeFails) {
  auto first = claim();
  auto second = claim();
  const Recorder recorder(std::move(first), info_of());
  EXPECT_THROW(Recorder(std::move(second), info_of()), std::system_error);
}

// What a reader of a killed run relies on: every wave in the summary has all its samples, and every file can be parsed.
void expect_readable(const Rows& summary, const Rows& samples, const json& run, const json& benchmarks) {
  for (const auto& row : summary) EXPECT_EQ(row.size(), summary[0].size());
  for (const auto& row : samples) EXPECT_EQ(row.size(), samples[0].size());
  EXPECT_GE((samples.size() - 1) / 10, summary.size() - 1);
  EXPECT_EQ(run.at("complete"), false);
  EXPECT_TRUE(benchmarks.at("benchmarks").is_array());
}

TEST_F(RecorderTest, ARunThatIsKilledWhileAddingIsReadable) {
  int added[2];
  checked(::pipe(added), "pipe");
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    Recorder recorder(claim(), info_of());
    for (unsigned i = 1;; ++i) {
      recorder.add(wave_of("epoll", i), ten());
      if (::write(added[1], "x", 1) != 1) ::_exit(1);
    }
  }
  char waves[50];
  for (size_t n = 0; n < sizeof waves;)
    n += static_cast<size_t>(checked(static_cast<int>(::read(added[0], waves, sizeof waves - n)), "read"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(added[0]);
  ::close(added[1]);
  const auto summary = rows("summary.csv");
  EXPECT_GT(summary.size(), 50U) << "every wave that was reported as added is there";
  expect_readable(summary, rows("samples.csv"), document("run.json"), document("benchmark.json"));
  EXPECT_TRUE(document("benchmark-aggregate.json").at("benchmarks").is_array());
}

TEST_F(RecorderTest, ARunWhoseDiskFillsIsReadable) {
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Recorder recorder(claim(), info_of());
    const rlimit limit = {20'000, 20'000};
    checked(::setrlimit(RLIMIT_FSIZE, &limit), "setrlimit");
    try {
      for (unsigned i = 1; i < 1000; ++i) recorder.add(wave_of("epoll", i), ten());
    } catch (const std::system_error& e) {
      return std::string_view(e.what()).find(folder_.path().string()) == 0 ? 7 : 8;
    }
    return 9;
  });
  EXPECT_EQ(WEXITSTATUS(status), 7) << "the message begins with the file's name";
  const auto summary = rows("summary.csv");
  EXPECT_GT(summary.size(), 2U);
  EXPECT_TRUE(content_of(folder_.path() / "summary.csv").ends_with("\r\n"));
  EXPECT_TRUE(content_of(folder_.path() / "samples.csv").ends_with("\r\n"));
  expect_readable(summary, rows("samples.csv"), document("run.json"), document("benchmark.json"));
}

}  // namespace
}  // namespace connbench
