#include "harness/support/seeded_order.h"

#include <gtest/gtest.h>

#include <set>

namespace connbench {
namespace {

TEST(SeededOrder, IsAPermutation) {
  for (const size_t n : {0U, 1U, 2U, 17U, 1000U}) {
    const auto order = seeded_order(n, 5);
    const std::set<size_t> values(order.begin(), order.end());
    EXPECT_EQ(order.size(), n);
    EXPECT_EQ(values.size(), n);
    if (n > 0) {
      EXPECT_EQ(*values.rbegin(), n - 1);
    }
  }
}

TEST(SeededOrder, DependsOnTheSeedOnly) {
  EXPECT_EQ(seeded_order(100, 1), seeded_order(100, 1));
  EXPECT_NE(seeded_order(100, 1), seeded_order(100, 2));
}

TEST(SeededOrder, FavoursNoPosition) {
  std::vector<size_t> first(4);
  for (uint64_t seed = 0; seed < 4000; ++seed) ++first[seeded_order(4, seed)[0]];
  for (const size_t count : first) EXPECT_NEAR(static_cast<double>(count), 1000, 150);
}

}  // namespace
}  // namespace connbench
