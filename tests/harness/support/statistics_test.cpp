#include "harness/support/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace connbench {
namespace {

// 1 … n, shuffled, so that the value is its own rank.
std::vector<int64_t> ranks(size_t n) {
  std::vector<int64_t> values(n);
  std::iota(values.begin(), values.end(), int64_t{1});
  std::shuffle(values.begin(), values.end(), std::mt19937(1));
  return values;
}

TEST(Statistics, KnowsHowManySamplesAPercentileNeeds) {
  EXPECT_EQ(samples_needed(0.5), 6U);
  EXPECT_EQ(samples_needed(0.9), 36U);
  EXPECT_EQ(samples_needed(0.99), 368U);
  EXPECT_EQ(samples_needed(0.999), 3688U);
  EXPECT_EQ(samples_needed(0.9999), 36887U);
  EXPECT_EQ(samples_needed(1.0), 1U);
}

TEST(Statistics, AnEmptySampleHasNoPercentiles) {
  std::vector<int64_t> none;
  const auto p = percentiles(none);
  EXPECT_FALSE(p.p50 || p.p90 || p.p99 || p.p999 || p.max);
}

TEST(Statistics, OneValueHasOnlyAMaximum) {
  std::vector<int64_t> one = {-7};
  const auto p = percentiles(one);
  EXPECT_FALSE(p.p50 || p.p90 || p.p99 || p.p999);
  EXPECT_EQ(p.max, -7);
}

TEST(Statistics, APercentileAppearsExactlyAtTheSizeThatSupportsIt) {
  for (double q : {0.5, 0.9, 0.99, 0.999}) {
    const size_t needed = samples_needed(q);
    auto too_few = ranks(needed - 1);
    auto enough = ranks(needed);
    EXPECT_FALSE(quantile(too_few, q)) << q;
    EXPECT_TRUE(quantile(enough, q)) << q;
  }
}

TEST(Statistics, GivesTheNearestRank) {
  auto values = ranks(4000);
  const auto p = percentiles(values);
  EXPECT_EQ(p.p50, 2000);
  EXPECT_EQ(p.p90, 3600);
  EXPECT_EQ(p.p99, 3960);
  EXPECT_EQ(p.p999, 3996);
  EXPECT_EQ(p.max, 4000);
}

TEST(Statistics, RoundsARankUpAndNeverInterpolates) {
  auto seven = ranks(7);
  EXPECT_EQ(quantile(seven, 0.5), 4);
  auto many = ranks(401);
  EXPECT_EQ(quantile(many, 0.99), 397);  // 396.99
}

TEST(Statistics, IsNotMisledByBinaryFractions) {
  auto hundred = ranks(100);
  EXPECT_EQ(quantile(hundred, 0.07), 7);
}

TEST(Statistics, KeepsExtremeValues) {
  std::vector<int64_t> values(6, std::numeric_limits<int64_t>::min());
  values.push_back(std::numeric_limits<int64_t>::max());
  const auto p = percentiles(values);
  EXPECT_EQ(p.p50, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(p.max, std::numeric_limits<int64_t>::max());
}

TEST(Statistics, TheMedianOfAnEvenNumberLiesBetweenTheMiddleTwo) {
  EXPECT_EQ(median({4.0, 1.0, 3.0, 2.0}), 2.5);
  EXPECT_EQ(median({9.0, 1.0, 2.0}), 2.0);
  EXPECT_EQ(median({5.0}), 5.0);
  EXPECT_EQ(median({}), std::nullopt);
}

}  // namespace
}  // namespace connbench
