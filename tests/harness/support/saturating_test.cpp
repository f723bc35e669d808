#include "harness/support/saturating.h"

#include <gtest/gtest.h>

namespace connbench {
namespace {

using namespace std::chrono_literals;

TEST(Saturating, CountsExactlyWhereItCan) {
  EXPECT_EQ(saturating_sum(2s, 3ms), 2003ms);
  EXPECT_EQ(saturating_product(3ms, 7), 21ms);
  EXPECT_EQ(saturating_product(Duration::max(), 1), Duration::max());
  EXPECT_EQ(saturating_product(Duration::zero(), UINT64_MAX), 0s);
}

TEST(Saturating, StopsAtTheLongestDuration) {
  EXPECT_EQ(saturating_sum(Duration::max(), 1ns), Duration::max());
  EXPECT_EQ(saturating_product(131s, 100'000'000), Duration::max()) << "times 10^9, this is more than 63 bits hold";
  EXPECT_EQ(saturating_product(2ns, UINT64_MAX), Duration::max());
}

}  // namespace
}  // namespace connbench
