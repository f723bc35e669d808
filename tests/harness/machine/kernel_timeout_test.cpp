#include "harness/machine/kernel_timeout.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>

#include "harness/machine/machine.h"
#include "harness/process/ask_in_child.h"

namespace connbench {
namespace {

struct Measured {
  int retries;
  int linear;
  int longest_ms;
  double seconds;
};

// Measured on Linux 6.18 with tcp_syn_retries, tcp_syn_linear_timeouts and tcp_rto_max_ms set in a network namespace.
constexpr Measured measured[] = {
    {1, 0, 120'000, 3.03}, {2, 0, 120'000, 7.19}, {3, 0, 120'000, 15.34}, {1, 1, 120'000, 4.06},
    {1, 4, 120'000, 3.06}, {2, 4, 120'000, 7.12}, {3, 4, 120'000, 19.43}, {6, 4, 120'000, 135.18},
    {6, 4, 1000, 7.17},    {6, 0, 1000, 7.18},    {7, 0, 1000, 8.19},     {1, 4, 1000, 2.05},
    {2, 0, 1500, 4.02},    {2, 4, 1500, 4.09},    {3, 0, 2000, 7.06},     {3, 4, 2000, 7.11},
    {4, 0, 2000, 9.07},    {5, 0, 3000, 15.28},   {4, 0, 5000, 17.31},    {6, 4, 4000, 23.45},
};

TEST(KernelTimeout, MatchesMeasurementsWithinFivePercent) {
  for (const auto& [retries, linear, longest_ms, seconds] : measured) {
    const std::chrono::duration<double> expected =
        kernel_connect_timeout({retries, linear, std::chrono::milliseconds(longest_ms)});
    EXPECT_LE(expected.count(), seconds) << retries << "/" << linear << "/" << longest_ms;
    EXPECT_GE(expected.count() * 1.05, seconds) << retries << "/" << linear << "/" << longest_ms;
  }
}

TEST(KernelTimeout, IsFiniteForAnySetting) {
  EXPECT_GT(kernel_connect_timeout({127, 127}), kernel_connect_timeout({6, 4}));
  EXPECT_LT(kernel_connect_timeout({127, 127}), std::chrono::hours(10));
}

// The kernel's own rule bounds the sum of seven or more intervals: 127 s, then 120 s for each further one.
TEST(KernelTimeout, CountsNoIntervalAsLongerThanTheLongest) {
  EXPECT_EQ(kernel_connect_timeout({7}), std::chrono::seconds(247));
}

// Each sysctl that exists here, set in a namespace, changes the answer as the rule says.
TEST(KernelTimeout, ReadsEverySysctlThatItDependsOn) {
  const ChildAnswer answer = ask_in_child([] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    const auto set = [](const char* name, int value) {
      std::ofstream(std::string("/proc/sys/net/ipv4/") + name) << value << "\n";
    };
    set("tcp_syn_retries", 5);
    set("tcp_syn_linear_timeouts", 2);
    set("tcp_rto_max_ms", 3000);
    const SynTimers timers = syn_timers().value();
    return fmt::format("{} {} {}", timers.retries, timers.linear, timers.longest.count());
  });
  if (answer.text.starts_with("unshare")) GTEST_SKIP() << answer.text;
  const bool linear = sysctl("net.ipv4.tcp_syn_linear_timeouts").has_value();  // Linux 6.5
  const bool longest = sysctl("net.ipv4.tcp_rto_max_ms").has_value();          // Linux 6.15
  EXPECT_EQ(answer.text, fmt::format("5 {} {}", linear ? 2 : 0, longest ? 3'000'000'000 : 120'000'000'000));
}

TEST(KernelTimeout, OfThisMachineIsKnown) {
  const auto timeout = kernel_connect_timeout();
  ASSERT_TRUE(timeout);
  EXPECT_GE(*timeout, std::chrono::seconds(1));
}

}  // namespace
}  // namespace connbench
