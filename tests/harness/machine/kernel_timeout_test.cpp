#include "harness/machine/kernel_timeout.h"

#include <gtest/gtest.h>

namespace connbench {
namespace {

struct Measured {
  int retries;
  int linear;
  double seconds;
};

// Measured on Linux 6.18 with tcp_syn_retries and tcp_syn_linear_timeouts set in a network namespace.
TEST(KernelTimeout, MatchesMeasurementsWithinFivePercent) {
  for (const auto& [retries, linear, seconds] : {Measured{1, 0, 3.03},
                                                 {2, 0, 7.19},
                                                 {3, 0, 15.34},
                                                 {1, 1, 4.06},
                                                 {1, 4, 3.06},
                                                 {2, 4, 7.12},
                                                 {3, 4, 19.43},
                                                 {6, 4, 135.18}}) {
    const std::chrono::duration<double> expected = kernel_connect_timeout(retries, linear);
    EXPECT_LE(expected.count(), seconds) << retries << "/" << linear;
    EXPECT_GE(expected.count() * 1.05, seconds) << retries << "/" << linear;
  }
}

TEST(KernelTimeout, IsFiniteForAnySetting) {
  EXPECT_GT(kernel_connect_timeout(127, 127), kernel_connect_timeout(6, 4));
}

TEST(KernelTimeout, OfThisMachineIsKnown) {
  const auto timeout = kernel_connect_timeout();
  ASSERT_TRUE(timeout);
  EXPECT_GE(*timeout, std::chrono::seconds(1));
}

}  // namespace
}  // namespace connbench
