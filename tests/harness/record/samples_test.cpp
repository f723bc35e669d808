#include "harness/record/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "harness/record/schema.h"
#include "tests/harness/record/waves.h"
#include "tests/support/python_csv.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::ElementsAre;

Rows rows_of(const std::vector<Sample>& samples, SamplesKept kept = SamplesKept::all,
             const WaveResult& wave = wave_of()) {
  TemporaryFolder folder;
  CsvFile file(folder.path() / "samples.csv", samples_header);
  append_samples(file, {"run", test_origin, wave, samples}, kept);
  auto rows = read_with_python(folder.path() / "samples.csv");
  rows.erase(rows.begin());
  return rows;
}

TEST(Samples, HaveTheColumnsOfTheSchema) {
  EXPECT_EQ(samples_header,
            "run_id,scenario,connector,target,family,concurrency,shard,timeout_ns,repetition,attempt,scheduled_ns,"
            "started_ns,finished_ns,reaped_ns,outcome,stage,os_error,handshake_ns,syn_retransmits,"
            "local_port,protocol");
}

TEST(Samples, EveryFieldIsInItsColumn) {
  auto sample = sample_of(Outcome::connected, 100, 20, 3);
  sample.handshake_known = 1;
  sample.round_trip_ns = 2;
  sample.local_port = 40'000;
  sample.protocol = Protocol::mptcp;
  auto wave = wave_of("epoll,x");
  wave.repetition = 3;
  EXPECT_THAT(rows_of({sample}, SamplesKept::all, wave),
              ElementsAre(ElementsAre("run", "burst", "epoll,x", "accepting", "4", "4", "0", "200000000", "3", "0",
                                      "100", "120", "123", "128", "connected", "", "", "2", "0", "40000", "mptcp")));
}

TEST(Samples, TheRoundTripIsUnknownAfterARetransmittedSynOrWithoutAnAnswer) {
  auto repeated = sample_of(Outcome::connected, 0, 20, 3);
  repeated.handshake_known = 1;
  repeated.round_trip_ns = 2;
  repeated.syn_retransmits = 1;
  auto unanswered = sample_of(Outcome::deadline_exceeded, 0, 20, 3);
  unanswered.handshake_known = 1;
  const auto rows = rows_of({repeated, unanswered});
  EXPECT_EQ(rows[0][17], "");
  EXPECT_EQ(rows[0][18], "1");
  EXPECT_EQ(rows[1][17], "");
  EXPECT_EQ(rows[1][18], "0");
}

TEST(Samples, LeaveEmptyWhatDidNotHappen) {
  auto refused = sample_of(Outcome::refused, 0, 20, 3);
  refused.stage = Stage::connect;
  refused.os_error = 111;
  refused.round_trip_ns = 99;  // meaningless: the handshake is unknown
  const auto rows = rows_of({never_started(), refused});
  const std::vector<std::string> first(rows[0].begin() + 10, rows[0].end()),
      second(rows[1].begin() + 10, rows[1].end());
  EXPECT_THAT(first, ElementsAre("", "", "", "", "never_started", "", "", "", "", "", ""));
  EXPECT_THAT(second, ElementsAre("0", "20", "23", "28", "refused", "connect", "111", "", "", "", ""))
      << "0 is the origin";
}

TEST(Samples, OfFailuresKeepTheirPositionInTheWave) {
  const std::vector<Sample> samples = {sample_of(Outcome::connected, 0, 1, 1),
                                       sample_of(Outcome::self_connected, 0, 1, 1),
                                       sample_of(Outcome::connected, 0, 1, 1), never_started()};
  const auto rows = rows_of(samples, SamplesKept::failures);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0][9], "1");
  EXPECT_EQ(rows[1][9], "3");
  EXPECT_TRUE(rows_of(samples, SamplesKept::none).empty());
  EXPECT_EQ(rows_of(samples).size(), 4U);
}

// In memory, the samples of a shard are adjacent. In the file, attempts are in order.
TEST(Samples, NameTheShardOfAnAttempt) {
  auto wave = wave_of();
  wave.what.shards = 2;
  const auto rows = rows_of({sample_of(Outcome::connected, 0, 1, 1), sample_of(Outcome::connected, 20, 1, 1),
                             sample_of(Outcome::connected, 40, 1, 1), sample_of(Outcome::connected, 10, 1, 1),
                             sample_of(Outcome::connected, 30, 1, 1)},
                            SamplesKept::all, wave);
  ASSERT_EQ(rows.size(), 5U);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i][6], std::to_string(i % 2));
    EXPECT_EQ(rows[i][9], std::to_string(i));
    EXPECT_EQ(rows[i][10], std::to_string(10 * i)) << "scheduled";
  }
}

TEST(Samples, HaveRoomForTheWidestValues) {
  constexpr auto least = std::numeric_limits<int64_t>::min();
  Sample widest{least + test_origin,
                least + test_origin,
                least + test_origin,
                least + test_origin,
                least,
                std::numeric_limits<int16_t>::min(),
                std::numeric_limits<uint16_t>::max(),
                Outcome::deadline_exceeded,
                Stage::connect,
                Protocol::mptcp,
                Sample::State::done,
                127,
                1};
  const auto rows = rows_of({widest});
  EXPECT_EQ(rows[0][10], std::to_string(least));
  EXPECT_EQ(rows[0][18], "127");
  EXPECT_EQ(rows[0][19], "65535");
}

TEST(Samples, MayTakeMoreThanOneBlock) {
  const auto rows = rows_of(std::vector<Sample>(15'000, sample_of(Outcome::connected, 1, 1, 1)));
  ASSERT_EQ(rows.size(), 15'000U);
  for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i][9], std::to_string(i));
}

TEST(Samples, OfOneHostHaveTheNumbersOfTheWholeWave) {
  TemporaryFolder folder;
  CsvFile file(folder.path() / "samples.1.csv", samples_header);
  auto wave = wave_of();
  wave.hosts.assign(1, HostPart{.rank = 4});
  const std::vector<Sample> samples(3, sample_of(Outcome::connected, 1, 1, 1));
  append_samples(file, {.run_id = "run", .origin_ns = test_origin, .wave = wave, .samples = samples, .share = {1, 3}},
                 SamplesKept::all);
  const auto rows = read_with_python(folder.path() / "samples.1.csv");
  ASSERT_EQ(rows.size(), 4U);
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i][9], std::to_string(3 * i - 2)) << "attempts 1, 4 and 7";
    EXPECT_EQ(rows[i].back(), "4");
  }
}

TEST(Samples, HaveASizeThatCanBeEstimated) {
  TemporaryFolder folder;
  auto wave = wave_of();
  wave.what.attempts = 10'000;
  const std::vector<Sample> samples(10'000, sample_of(Outcome::connected, 30'000'000'000, 5, 80'000));
  CsvFile file(folder.path() / "samples.csv", samples_header);
  append_samples(file, {"run", test_origin, wave, samples}, SamplesKept::all);
  const auto real = static_cast<double>(std::filesystem::file_size(folder.path() / "samples.csv"));
  EXPECT_NEAR(static_cast<double>(estimate_samples_bytes("run", wave.what, SamplesKept::all)), real, 0.2 * real);
  EXPECT_EQ(estimate_samples_bytes("run", wave.what, SamplesKept::none), 0U);
  EXPECT_GT(estimate_samples_bytes("run", wave.what, SamplesKept::failures), 1'000'000U);
}

TEST(SamplesKept, IsNamedAsOnTheCommandLine) {
  for (auto kept : {SamplesKept::all, SamplesKept::failures, SamplesKept::none}) {
    EXPECT_EQ(parse_samples_kept(to_string(kept)), kept);
  }
  EXPECT_THAT([] { parse_samples_kept("some"); },
              testing::ThrowsMessage<std::invalid_argument>(testing::HasSubstr("all, failures or none")));
}

}  // namespace
}  // namespace connbench
