#include "harness/lab/link/rule.h"

#include <gtest/gtest.h>

namespace connbench::lab {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(LatenessHistogram, ReturnsZeroWhenEmpty) {
  EXPECT_EQ(LatenessHistogram{}.quantile(0.5), Duration::zero());
}

TEST(LatenessHistogram, IsAccurateToNinePercent) {
  for (int64_t ns = 1; ns < 3'900'000'000; ns += 1 + ns / 97) {
    LatenessHistogram histogram;
    histogram.add(Duration(ns));
    const int64_t read = histogram.quantile(0.5).count();
    EXPECT_GE(read, ns);
    EXPECT_LE(static_cast<double>(read), static_cast<double>(ns) * 1.0906 + 1);
  }
}

TEST(LatenessHistogram, FindsQuantilesOfManyValues) {
  LatenessHistogram histogram;
  for (int i = 0; i < 90; ++i) histogram.add(milliseconds(1));
  for (int i = 0; i < 10; ++i) histogram.add(milliseconds(100));
  EXPECT_LT(histogram.quantile(0.5), milliseconds(2));
  EXPECT_LT(histogram.quantile(0.9), milliseconds(2));
  EXPECT_GE(histogram.quantile(0.91), milliseconds(100));
}

TEST(LatenessHistogram, CountsValuesBeyondItsRange) {
  LatenessHistogram histogram;
  histogram.add(Duration(-5));
  histogram.add(Duration(0));
  histogram.add(hours(1));
  EXPECT_EQ(histogram.counts.front(), 2U);
  EXPECT_EQ(histogram.counts.back(), 1U);
}

TEST(RefreshReport, FailsWhenTheLinkDoesNotRespond) {
  LinkState state;
  EXPECT_FALSE(refresh_report(state, milliseconds(5)));
  state.report.refreshed = 2;
  EXPECT_TRUE(refresh_report(state, milliseconds(5)));
}

}  // namespace
}  // namespace connbench::lab
