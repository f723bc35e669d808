#include "harness/run/openable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "harness/process/ask_in_child.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/external.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string why_not(std::string_view target, Family family) {
  return Openable(nullptr, "nobody made one").why_not(find_target(target), family).value_or("it can");
}

void bring_loopback_up() {
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM, 0), "socket"));
  ifreq lo{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
  lo.ifr_flags = IFF_UP;
  checked(::ioctl(socket.get(), SIOCSIFFLAGS, &lo), "ioctl(SIOCSIFFLAGS)");
}

ChildAnswer in_new_network(const std::function<std::string()>& question) {
  return ask_in_child([&] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    return question();
  });
}

TEST(Openable, IsATargetOnLoopback) {
  EXPECT_EQ(why_not("accepting", Family::ipv4), "it can");
  EXPECT_EQ(why_not("refusing", Family::unix_domain), "it can");
}

TEST(Openable, IsNotATargetOfTheLabWithoutOne) {
  EXPECT_EQ(why_not("blackhole", Family::ipv4), "blackhole needs the lab: nobody made one");
}

TEST(Openable, IsNotATargetOnAFamilyThatItDoesNotServe) {
  EXPECT_EQ(why_not("resetting", Family::unix_domain), "resetting does not exist on family unix");
}

TEST(Openable, IsNothingOverIpv6WhereThatIsDisabled) {
  const ChildAnswer answer = in_new_network([] {
    bring_loopback_up();
    std::ofstream("/proc/sys/net/ipv6/conf/all/disable_ipv6") << "1\n";
    return why_not("accepting", Family::ipv6) + "|" + why_not("dual-stack", Family::ipv4) + "|" +
           why_not("accepting", Family::ipv4);
  });
  if (answer.text.starts_with("unshare")) GTEST_SKIP() << answer.text;
  EXPECT_THAT(answer.text,
              AllOf(StartsWith("this "), HasSubstr("no IPv6"), HasSubstr("|this "), testing::EndsWith("|it can")));
}

TEST(Openable, IsNothingWhereLoopbackIsDown) {
  const ChildAnswer answer = in_new_network([] { return why_not("accepting", Family::ipv4); });
  if (answer.text.starts_with("unshare")) GTEST_SKIP() << answer.text;
  EXPECT_THAT(answer.text, AllOf(StartsWith("it cannot be opened here: connect 127.0.0.1:"),
                                 HasSubstr("Network is unreachable; as root: ip link set lo up")));
}

TEST(Openable, IsNothingThatNeedsMoreDescriptorsThanThereAre) {
  const ChildAnswer answer = ask_in_child([] {
    const rlimit limit{7, 7};
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    return why_not("dual-stack", Family::ipv4);
  });
  EXPECT_THAT(answer.text, AllOf(HasSubstr("Too many open files"), HasSubstr("RLIMIT_NOFILE allows 7")));
}

// Its owner must not notice that a run was planned.
TEST(Openable, IsAHostOutsideWithoutATry) {
  const auto host = parse_external("192.0.2.1:9");
  EXPECT_EQ(Openable(nullptr, "").why_not(host, Family::ipv4), std::nullopt);
}

}  // namespace
}  // namespace connbench
