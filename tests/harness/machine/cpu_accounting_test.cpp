// Whether a process pays for the softirqs that it causes: decided from bursts, and found out on this machine.
#include "harness/machine/cpu_accounting.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

namespace connbench {
namespace {

using std::chrono::microseconds;

Burst burst(int cpu, int wall, bool handled_at_once = true) {
  return {.cpu = microseconds(cpu), .wall = microseconds(wall), .handled_at_once = handled_at_once};
}

TEST(CpuAccounting, OneUndisturbedBurstShowsThatSoftirqsAreIncluded) {
  EXPECT_EQ(contains_softirqs(std::vector{burst(100, 400), burst(99, 100), burst(100, 9000)}), true);
}

TEST(CpuAccounting, BurstsThatAlwaysTakeLessCpuThanTimeShowThatTheyAreNot) {
  EXPECT_EQ(contains_softirqs(std::vector{burst(65, 100), burst(64, 100), burst(65, 300)}), false);
}

// Nothing was received meanwhile, so nothing can be missing from the CPU time.
TEST(CpuAccounting, ABurstThatWasHandledLaterShowsNothing) {
  EXPECT_EQ(contains_softirqs(std::vector{burst(100, 100, false), burst(65, 100)}), false);
  EXPECT_EQ(contains_softirqs(std::vector{burst(100, 100, false)}), std::nullopt);
  EXPECT_EQ(contains_softirqs({}), std::nullopt);
}

TEST(CpuAccounting, IsReadFromAConfiguration) {
  EXPECT_EQ(irq_time_accounting("CONFIG_HZ=250\nCONFIG_IRQ_TIME_ACCOUNTING=y\n"), "y");
  EXPECT_EQ(irq_time_accounting("# CONFIG_IRQ_TIME_ACCOUNTING is not set\nCONFIG_HAVE_IRQ_TIME_ACCOUNTING=y\n"), "n");
  EXPECT_EQ(irq_time_accounting(""), std::nullopt);
}

std::string output_of(const char* command) {
  FILE* lines = ::popen(command, "r");
  std::string text;
  for (int c; (c = std::fgetc(lines)) != EOF;) text += static_cast<char>(c);
  ::pclose(lines);
  return text;
}

// Without the option, nothing separates softirqs from a process. With it, the clock may still not allow that, so the
// opposite does not hold.
TEST(CpuAccounting, OfThisMachineFitsItsConfiguration) {
  const auto described = describe_cpu_accounting();
  const std::string config =
      output_of("{ cat /boot/config-$(uname -r) || gzip -dc /proc/config.gz; } 2>/dev/null | grep IRQ_TIME_ACCOUNTING");
  if (config.empty()) GTEST_SKIP() << "this kernel does not show its configuration";
  const bool configured = config.find("CONFIG_IRQ_TIME_ACCOUNTING=y") != std::string::npos;
  EXPECT_EQ(described.at("config_irq_time_accounting"), configured ? "y" : "n");
  if (!configured) {
    EXPECT_EQ(described.at("softirqs_in_process_time"), true);
  }
}

}  // namespace
}  // namespace connbench
