#include "harness/record/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/record/csv.h"
#include "harness/record/schema.h"
#include "tests/harness/record/waves.h"
#include "tests/support/python_csv.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

SummaryRow summary_of(const std::vector<Sample>& samples, const WaveResult& wave = wave_of()) {
  return summarise({"run", test_origin, wave, samples});
}

// The cells of a row by column, as another parser reads them.
std::map<std::string, std::string> cells_of(const SummaryRow& row) {
  TemporaryFolder folder;
  CsvFile file(folder.path() / "summary.csv", summary_header);
  file.append(csv_row(row));
  const auto rows = read_with_python(folder.path() / "summary.csv");
  EXPECT_EQ(rows.at(0).size(), rows.at(1).size());
  std::map<std::string, std::string> cells;
  for (size_t i = 0; i < rows.at(1).size(); ++i) cells[rows.at(0).at(i)] = rows.at(1).at(i);
  return cells;
}

TEST(Summary, HasTheColumnsOfTheSchema) {
  EXPECT_EQ(summary_header,
            "run_id,scenario,connector,target,family,concurrency,shards,timeout_ns,repetition,wave,wave_started_ns,"
            "attempts,connected,refused,reset,unreachable,peer_timeout,deadline_exceeded,never_started,cancelled,"
            "exhausted,not_permitted,self_connected,unexpected,makespan_ns,connects_per_s,completions_per_s,"
            "in_flight_mean,p50_ns,p90_ns,p99_ns,p999_ns,max_ns,queue_p50_ns,queue_p90_ns,queue_p99_ns,queue_p999_ns,"
            "queue_max_ns,overshoot_p50_ns,overshoot_p90_ns,overshoot_p99_ns,overshoot_p999_ns,overshoot_max_ns,"
            "added_p50_ns,added_p99_ns,cpu_ns,cpu_user_ns,cpu_sys_ns,softirq_ns,steal_ns,server_cpu_ns,"
            "listen_overflows,threads_peak,fds_peak,rss_peak_kib,voluntary_switches,involuntary_switches,syscalls,"
            "client_softirq_ns,reaped_overshoot_p50_ns,reaped_overshoot_p90_ns,reaped_overshoot_p99_ns,"
            "reaped_overshoot_p999_ns,reaped_overshoot_max_ns");
}

TEST(Summary, NamesItsOutcomeColumnsAfterTheOutcomes) {
  std::string columns;
  for (Outcome o : all_outcomes()) columns.append(to_string(o)).append(",");
  EXPECT_NE(summary_header.find("attempts," + columns + "makespan_ns"), std::string_view::npos);
}

TEST(Summary, CountsEveryAttemptUnderItsOutcome) {
  std::vector<Sample> samples;
  for (Outcome o : all_outcomes()) samples.insert(samples.end(), static_cast<size_t>(o) + 1, sample_of(o, 0, 1, 1));
  const auto cells = cells_of(summary_of(samples));
  for (Outcome o : all_outcomes()) {
    EXPECT_EQ(cells.at(std::string(to_string(o))), std::to_string(static_cast<size_t>(o) + 1)) << to_string(o);
  }
  EXPECT_EQ(cells.at("attempts"), "78");
}

TEST(Summary, TheMakespanRunsFromTheFirstScheduledToTheLastFinished) {
  const auto row = summary_of({sample_of(Outcome::connected, 100, 50, 50), sample_of(Outcome::refused, 300, 100, 600),
                               sample_of(Outcome::connected, 200, 100, 100), never_started()});
  EXPECT_EQ(row.makespan_ns, 900);
  EXPECT_DOUBLE_EQ(row.connects_per_s.value(), 2e9 / 900);
  EXPECT_DOUBLE_EQ(row.completions_per_s.value(), 3e9 / 900);
  EXPECT_DOUBLE_EQ(row.in_flight_mean.value(), 750.0 / 900);
}

TEST(Summary, AWaveOfInstantFailuresDoesNotLookFast) {
  const auto cells = cells_of(summary_of(std::vector<Sample>(400, sample_of(Outcome::exhausted, 0, 1, 1))));
  EXPECT_EQ(cells.at("connects_per_s"), "");
  EXPECT_EQ(cells.at("completions_per_s"), "");
  EXPECT_EQ(cells.at("p50_ns"), "") << "percentiles cover only what connected";
  EXPECT_EQ(cells.at("makespan_ns"), "2");
}

TEST(Summary, AWaveInWhichNothingStartedHasNoMakespan) {
  const auto row = summary_of({never_started(), never_started()});
  EXPECT_EQ(row.makespan_ns, std::nullopt);
  EXPECT_EQ(row.queue.max, std::nullopt);
  EXPECT_EQ(row.count(Outcome::never_started), 2U);
}

TEST(Summary, AWaveWithAnUnknownEndHasNoMakespanAndNoRate) {
  Sample killed{};  // submitted, but its process was killed before it completed
  killed.scheduled_ns = test_origin;
  killed.outcome = Outcome::cancelled;
  const auto row = summary_of({sample_of(Outcome::connected, 0, 0, 10), killed});
  EXPECT_EQ(row.makespan_ns, std::nullopt);
  EXPECT_EQ(row.connects_per_s, std::nullopt);
  EXPECT_EQ(row.connecting.max, 10) << "what connected still counts";
}

TEST(Summary, AWaveWithoutDurationHasNoRate) {
  const auto row = summary_of({sample_of(Outcome::connected, 0, 0, 0)});
  EXPECT_EQ(row.makespan_ns, 0);
  EXPECT_EQ(row.connects_per_s, std::nullopt);
  EXPECT_EQ(row.in_flight_mean, std::nullopt);
}

TEST(Summary, PercentilesThatTheSampleCannotSupportAreEmpty) {
  std::vector<Sample> samples(35, sample_of(Outcome::connected, 0, 3, 20));
  samples.insert(samples.end(), 1000, sample_of(Outcome::refused, 0, 4, 1));
  const auto cells = cells_of(summary_of(samples));
  EXPECT_EQ(cells.at("p50_ns"), "20") << "over the 35 that connected, not those refused";
  EXPECT_EQ(cells.at("p90_ns"), "") << "35 is one too few";
  EXPECT_EQ(cells.at("max_ns"), "20");
  EXPECT_EQ(cells.at("queue_p99_ns"), "4") << "queueing covers all 1,035 that started";
  EXPECT_EQ(cells.at("queue_p999_ns"), "");
}

TEST(Summary, OvershootIsSignedAndCoversWhatTheDeadlineEnded) {
  const int64_t timeout = 200'000'000;
  std::vector<Sample> samples(5, sample_of(Outcome::deadline_exceeded, 0, 1'000, timeout - 7));
  samples.push_back(sample_of(Outcome::deadline_exceeded, 0, 0, timeout + 9));
  samples.push_back(sample_of(Outcome::connected, 0, 0, timeout + 1'000));
  const auto row = summary_of(samples);
  EXPECT_EQ(row.overshoot.p50, -7) << "counted from started, not from scheduled";
  EXPECT_EQ(row.overshoot.max, 9);
  EXPECT_EQ(row.reaped_overshoot.p50, -7 + 5) << "of the same attempts, until the runner had them";
  EXPECT_EQ(row.reaped_overshoot.max, 9 + 5);
}

TEST(Summary, AddedTimeIsOnlyGivenWhereTheKernelsRoundTripIsReliable) {
  std::vector<Sample> samples(6, sample_of(Outcome::connected, 0, 0, 30));
  for (Sample& s : samples) {
    s.handshake_known = 1;
    s.round_trip_ns = 10;
  }
  EXPECT_EQ(summary_of(samples).added_p50_ns, 20);
  samples[0].syn_retransmits = 1;
  EXPECT_EQ(summary_of(samples).added_p50_ns, std::nullopt) << "only five are left";
  samples[0].syn_retransmits = 0;
  samples[0].handshake_known = 0;
  EXPECT_EQ(summary_of(samples).added_p50_ns, std::nullopt);
}

TEST(Summary, UnknownFiguresAreEmpty) {
  auto wave = wave_of();
  wave.started_ns = 0;
  const auto cells = cells_of(summary_of({never_started()}, wave));
  for (const char* column :
       {"wave_started_ns", "cpu_ns", "softirq_ns", "server_cpu_ns", "listen_overflows", "threads_peak", "fds_peak",
        "rss_peak_kib", "voluntary_switches", "syscalls", "added_p50_ns"}) {
    EXPECT_EQ(cells.at(column), "") << column;
  }
}

TEST(Summary, EveryReadingIsInItsColumn) {
  auto wave = wave_of("pool,with \"comma\"");
  wave.usage = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14};
  wave.peak = {11, 12};
  const auto cells = cells_of(summarise({"run", test_origin, wave, std::vector<Sample>{never_started()}}, 13));
  const std::map<std::string, std::string> expected = {{"run_id", "run"},
                                                       {"scenario", "burst"},
                                                       {"connector", "pool,with \"comma\""},
                                                       {"target", "accepting"},
                                                       {"family", "4"},
                                                       {"concurrency", "4"},
                                                       {"shards", "1"},
                                                       {"timeout_ns", "200000000"},
                                                       {"repetition", "1"},
                                                       {"wave", "7"},
                                                       {"wave_started_ns", "500"},
                                                       {"attempts", "1"},
                                                       {"cpu_ns", "1"},
                                                       {"cpu_user_ns", "2"},
                                                       {"cpu_sys_ns", "3"},
                                                       {"softirq_ns", "4"},
                                                       {"steal_ns", "5"},
                                                       {"server_cpu_ns", "6"},
                                                       {"listen_overflows", "7"},
                                                       {"voluntary_switches", "8"},
                                                       {"involuntary_switches", "9"},
                                                       {"rss_peak_kib", "10"},
                                                       {"threads_peak", "11"},
                                                       {"fds_peak", "12"},
                                                       {"syscalls", "13"},
                                                       {"client_softirq_ns", "14"}};
  for (const auto& [column, value] : expected) EXPECT_EQ(cells.at(column), value) << column;
}

TEST(Summary, EveryFigureOfADistributionIsInItsColumn) {
  SummaryRow row;
  row.connecting = {1, 2, 3, 4, 5};
  row.queue = {6, 7, 8, 9, 10};
  row.overshoot = {11, 12, 13, 14, 15};
  row.added_p50_ns = 16;
  row.added_p99_ns = 17;
  row.reaped_overshoot = {18, 19, 20, 21, 22};
  const auto cells = cells_of(row);
  int expected = 0;
  for (const std::string prefix : {"", "queue_", "overshoot_"})
    for (const std::string figure : {"p50", "p90", "p99", "p999", "max"})
      EXPECT_EQ(cells.at(prefix + figure + "_ns"), std::to_string(++expected)) << prefix << figure;
  EXPECT_EQ(cells.at("added_p50_ns"), "16");
  EXPECT_EQ(cells.at("added_p99_ns"), "17");
  expected = 17;
  for (const std::string figure : {"p50", "p90", "p99", "p999", "max"})
    EXPECT_EQ(cells.at("reaped_overshoot_" + figure + "_ns"), std::to_string(++expected)) << figure;
}

}  // namespace
}  // namespace connbench
