#include "harness/wave/pacing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace connbench {
namespace {

using namespace std::chrono_literals;

std::vector<Duration> first_dues(Pacing& pacing, size_t count) {
  std::vector<Duration> dues(count);
  for (Duration& due : dues) due = pacing.next_due();
  return dues;
}

TEST(ClosedLoop, HasNoSchedule) {
  const auto pacing = closed_loop();
  EXPECT_FALSE(pacing->open_loop());
  EXPECT_EQ(first_dues(*pacing, 3), std::vector<Duration>(3, 0ns));
}

TEST(UniformArrivals, AreEvenlySpacedFromTheStart) {
  const auto pacing = uniform_arrivals(5000);
  EXPECT_TRUE(pacing->open_loop());
  EXPECT_EQ(first_dues(*pacing, 4), (std::vector<Duration>{0us, 200us, 400us, 600us}));
}

// 1/3 s is not a whole number of nanoseconds: rounding errors must not add up.
TEST(UniformArrivals, DoNotDrift) {
  const auto pacing = uniform_arrivals(3);
  const auto dues = first_dues(*pacing, 3'000'001);
  EXPECT_EQ(dues[1], 333'333'333ns);
  EXPECT_EQ(dues[2], 666'666'667ns);
  EXPECT_EQ(dues[3'000'000], std::chrono::seconds(1'000'000));
}

TEST(PoissonArrivals, HaveExponentialGapsOfTheGivenMean) {
  constexpr size_t count = 100'000;
  const auto pacing = poisson_arrivals(1000, 42);
  EXPECT_TRUE(pacing->open_loop());
  const auto dues = first_dues(*pacing, count);
  double squares = 0;
  for (size_t i = 1; i < count; ++i) {
    ASSERT_LE(dues[i - 1], dues[i]);
    squares += std::pow(std::chrono::duration<double>(dues[i] - dues[i - 1]).count(), 2);
  }
  const double mean = std::chrono::duration<double>(dues.back()).count() / count;
  EXPECT_NEAR(mean, 0.001, 0.000'02);
  EXPECT_NEAR(squares / count, 2 * 0.001 * 0.001, 0.1e-6)
      << "for an exponential distribution, twice the square of the mean";
}

TEST(PoissonArrivals, AreTheSameForTheSameSeedOnly) {
  const auto first = first_dues(*poisson_arrivals(1000, 7), 1000);
  EXPECT_EQ(first, first_dues(*poisson_arrivals(1000, 7), 1000));
  EXPECT_NE(first, first_dues(*poisson_arrivals(1000, 8), 1000));
}

TEST(RampArrivals, ChangeTheirRateEvenlyAndThenKeepIt) {
  const Ramp ramp{.from_per_s = 100, .to_per_s = 300, .lasts = 10s};
  EXPECT_EQ(ramp.attempts(), 2000);
  const auto pacing = ramp_arrivals(ramp);
  EXPECT_TRUE(pacing->open_loop());
  const auto dues = first_dues(*pacing, 2301);
  EXPECT_EQ(dues[0], 0ns);
  EXPECT_NEAR(std::chrono::duration<double>(dues[750]).count(), 5, 1e-9) << "100 · 5 + 20 · 5² / 2 are due by then";
  EXPECT_NEAR(std::chrono::duration<double>(dues[2000]).count(), 10, 1e-9);
  EXPECT_NEAR(std::chrono::duration<double>(dues[2300]).count(), 11, 1e-9);
  for (size_t i = 1; i < dues.size(); ++i) ASSERT_LE(dues[i - 1], dues[i]);
}

TEST(RampArrivals, MayFallOrStay) {
  const auto falling = first_dues(*ramp_arrivals({.from_per_s = 300, .to_per_s = 100, .lasts = 10s}), 2101);
  EXPECT_NEAR(std::chrono::duration<double>(falling[1250]).count(), 5, 1e-9);
  EXPECT_NEAR(std::chrono::duration<double>(falling[2100]).count(), 11, 1e-9);
  const auto level = first_dues(*ramp_arrivals({.from_per_s = 1000, .to_per_s = 1000, .lasts = 1s}), 4);
  EXPECT_EQ(level, (std::vector<Duration>{0ms, 1ms, 2ms, 3ms}));
}

TEST(BurstArrivals, ComeAtOnceAndAgainAfterEachInterval) {
  const auto pacing = burst_arrivals(3, 2s);
  EXPECT_TRUE(pacing->open_loop());
  EXPECT_EQ(first_dues(*pacing, 7), (std::vector<Duration>{0s, 0s, 0s, 2s, 2s, 2s, 4s}));
}

}  // namespace
}  // namespace connbench
