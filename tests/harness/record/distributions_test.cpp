#include "harness/record/distributions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/wave/share.h"
#include "tests/harness/record/waves.h"

namespace connbench {
namespace {

using testing::ElementsAre;

// Attempt i was due at i·10, waited 5 and took 100 + i. Those that 3 divides were refused.
std::vector<Sample> some_attempts(size_t count) {
  std::vector<Sample> samples;
  for (size_t i = 0; i < count; ++i) {
    const auto n = static_cast<int64_t>(i);
    samples.push_back(sample_of(i % 3 == 0 ? Outcome::refused : Outcome::connected, 10 * n, 5, 100 + n));
  }
  return samples;
}

// What a host has that made every attempt i with i mod 2 = `index`.
std::vector<Sample> half_of(const std::vector<Sample>& all, size_t index) {
  std::vector<Sample> half;
  for (size_t i = index; i < all.size(); i += 2) half.push_back(all[i]);
  return half;
}

TEST(Distributions, HaveTheValuesOfTheAttemptsThatTheyAreOf) {
  auto samples = some_attempts(4);
  samples.push_back(sample_of(Outcome::deadline_exceeded, 40, 5, 200'000'007));
  samples.push_back(never_started());
  samples[1].handshake_known = 1;
  samples[1].round_trip_ns = 60;
  const WaveResult wave = wave_of();
  const Distributions all = distributions_of({"run", test_origin, wave, samples});
  EXPECT_THAT(all.of(Figure::connecting), ElementsAre(101, 102));
  EXPECT_THAT(all.of(Figure::response), ElementsAre(106, 107));
  EXPECT_THAT(all.of(Figure::queue), ElementsAre(5, 5, 5, 5, 5));
  EXPECT_THAT(all.of(Figure::overshoot), ElementsAre(7));
  EXPECT_THAT(all.of(Figure::reaped_overshoot), ElementsAre(12));
  EXPECT_THAT(all.of(Figure::added), ElementsAre(41));
  EXPECT_EQ(attempts_beyond(Figure::response, 2, all.tally, 3), 7U) << "4 of the samples, and those without one";
  EXPECT_EQ(attempts_beyond(Figure::queue, 5, all.tally, 3), 0U);
}

TEST(Distributions, OfTheHostsOfAWaveAreTogetherThoseOfTheWave) {
  const auto samples = some_attempts(101);
  const WaveResult wave = wave_of();
  const Distributions whole = distributions_of({"run", test_origin, wave, samples});
  Tally sum;
  std::vector<int64_t> connecting;
  for (const size_t index : {0U, 1U}) {
    const auto half = half_of(samples, index);
    const Distributions own = distributions_of(
        {.run_id = "run", .origin_ns = test_origin, .wave = wave, .samples = half, .share = {index, 2}});
    sum.add(own.tally);
    connecting.insert(connecting.end(), own.of(Figure::connecting).begin(), own.of(Figure::connecting).end());
  }
  EXPECT_EQ(sum.samples, 101U);
  EXPECT_EQ(sum.outcomes, whole.tally.outcomes);
  EXPECT_EQ(sum.arrivals.completed, 101U);
  EXPECT_EQ(sum.makespan_ns(), whole.tally.makespan_ns());
  EXPECT_EQ(sum.makespan_ns(), 1000 + 5 + 200);
  EXPECT_DOUBLE_EQ(sum.connecting_sum_ns, whole.tally.connecting_sum_ns);
  EXPECT_THAT(connecting, testing::UnorderedElementsAreArray(whole.of(Figure::connecting)));
}

TEST(Distributions, OfATargetKnowItsAttemptsByTheirNumberInTheWholeWave) {
  const auto samples = half_of(some_attempts(6), 1);  // attempts 1, 3 and 5
  const WaveResult wave = wave_of();
  const Assignment targets{.targets = {"accepting", "refusing"}, .of = {0, 0, 0, 1, 0, 1}};
  const RecordedWave half{.run_id = "run",
                          .origin_ns = test_origin,
                          .wave = wave,
                          .samples = samples,
                          .assignment = &targets,
                          .share = {1, 2}};
  EXPECT_THAT(distributions_of(half, {.target = 0}).of(Figure::connecting), ElementsAre(101));
  EXPECT_THAT(distributions_of(half, {.target = 1}).of(Figure::connecting), ElementsAre(105));
}

TEST(Distributions, OfAWaveWithAnOpenEndHaveNoMakespan) {
  auto samples = some_attempts(3);
  samples[1].finished_ns = 0;
  samples[1].outcome = Outcome::cancelled;
  const WaveResult wave = wave_of();
  Tally tally = distributions_of({"run", test_origin, wave, samples}).tally;
  EXPECT_EQ(tally.makespan_ns(), std::nullopt);
  tally.add(Tally{});
  EXPECT_EQ(tally.makespan_ns(), std::nullopt) << "nor with what others know";
  EXPECT_EQ(Tally{}.makespan_ns(), std::nullopt);
}

}  // namespace
}  // namespace connbench
