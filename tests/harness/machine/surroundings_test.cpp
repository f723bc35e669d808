// What makes machines differ is recorded as the machine's own files have it.
#include "harness/machine/surroundings.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

TEST(Surroundings, AreThoseOfTheMachinesFiles) {
  EXPECT_EQ(describe_kernel_command_line(), read_text("/proc/cmdline").value_or(""));
  const auto mitigations = describe_mitigations();
  const std::string folder = "/sys/devices/system/cpu/vulnerabilities";
  if (!std::filesystem::exists(folder)) {
    EXPECT_TRUE(mitigations.is_null());
    return;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    EXPECT_EQ(mitigations.at(entry.path().filename().string()), read_text(entry.path().string()).value_or(""));
}

TEST(Surroundings, OfAGroupAreItsTightestLimits) {
  const auto limits = describe_cgroup_limits();
  EXPECT_THAT(limits, testing::SizeIs(3));
  int64_t least = -1;
  for (const std::string& group : cgroups_of("pids")) {
    const int64_t limit = leading_number(read_text(group + "/pids.max").value_or(""));
    if (limit >= 0 && (least < 0 || limit < least)) least = limit;
  }
  EXPECT_EQ(limits.at("pids_max").is_null(), least < 0);
  if (least >= 0) {
    EXPECT_EQ(limits.at("pids_max"), least);
  }
}

TEST(Surroundings, OfThePacketsAreNullWhereNothingTracksThem) {
  const auto filter = describe_packet_filter();
  EXPECT_EQ(filter.at("conntrack_max").is_null(), !sysctl("net.netfilter.nf_conntrack_max"));
  EXPECT_EQ(filter.at("modules").is_null(), !read_text("/proc/modules"));
}

TEST(Surroundings, AreInTheDescriptionOfTheMachine) {
  const auto machine = describe_machine();
  EXPECT_EQ(machine.at("kernel").at("command_line"), describe_kernel_command_line());
  EXPECT_EQ(machine.at("mitigations"), describe_mitigations());
  EXPECT_EQ(machine.at("cgroup"), describe_cgroup_limits());
  EXPECT_TRUE(machine.at("packet_filter").contains("conntrack_count"));
}

}  // namespace
}  // namespace connbench
