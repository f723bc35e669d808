#include "harness/targets/loopback_sockets.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>

#include "harness/process/ask_in_child.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

void expect_range(const PortsForServers& ports, int first, int last, int lowest = 1024) {
  EXPECT_EQ(ports.preferred.first, first);
  EXPECT_EQ(ports.preferred.last, last);
  EXPECT_EQ(ports.all.first, lowest);
  EXPECT_EQ(ports.all.last, 65535);
}

void set_ephemeral_ports(const std::string& range) {
  std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << range << std::flush;
}

TEST(ServerPorts, LieBelowTheEphemeralPortsAndAbove10000) {
  expect_range(server_ports({32768, 60999}), 10000, 32767);
}

TEST(ServerPorts, LieAboveTheEphemeralPortsWhenThereIsNoRoomBelow) {
  expect_range(server_ports({10000, 60999}), 61000, 65535);
}

TEST(ServerPorts, LieBelow10000WhenThereIsNoOtherRoom) {
  expect_range(server_ports({5000, 65000}), 1024, 4999);
}

TEST(ServerPorts, UseEvenANarrowGap) {
  expect_range(server_ports({1024, 65500}), 65501, 65535);
}

TEST(ServerPorts, AreEphemeralWhenAllAre) {
  expect_range(server_ports({1024, 65535}), 1024, 65535);
}

TEST(ServerPorts, NeedNoPrivilege) {
  expect_range(server_ports({32768, 60999}, 20'000), 20'000, 32767, 20'000);
  expect_range(server_ports({32768, 60999}, 40'000), 61'000, 65535, 40'000);
  expect_range(server_ports({32768, 65535}, 40'000), 40'000, 65535, 40'000);
  expect_range(server_ports({20'000, 60999}, 0), 10'000, 19'999);
}

// In a network namespace with these ephemeral ports, and its loopback up.
ChildAnswer with_ephemeral_ports(const std::string& range, const std::function<std::string()>& question) {
  return ask_in_child([&] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    set_ephemeral_ports(range);
    ifreq lo{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
    lo.ifr_flags = IFF_UP;
    checked(::ioctl(stream_socket(Family::ipv4).get(), SIOCSIFFLAGS, &lo), "ioctl(SIOCSIFFLAGS)");
    return question();
  });
}

// When a connect() has no other port left than that of the socket that holds it, it must get none: if it got this one,
// it would be connected to itself.
TEST(LoopbackSockets, HoldPortsThatAreEphemeralToo) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (!plain::machine_has(family)) continue;
    const ChildAnswer answer = with_ephemeral_ports("1024 65535", [family] {
      const BoundSockets bound = bind_loopback({.family = family});
      const Endpoint& held = bound.endpoints[0];
      const int refused = plain::connect_to(held).error;
      set_ephemeral_ports(fmt::format("{} {}", held.port(), held.port()));
      const int without_port = plain::connect_to(held).error;
      listen_on(bound, 1);
      return fmt::format("{} {} {}", refused, without_port, plain::connect_to(held).error);
    });
    if (answer.text.starts_with("unshare")) GTEST_SKIP() << answer.text;
    EXPECT_EQ(answer.text, fmt::format("{} {} {}", ECONNREFUSED, EADDRNOTAVAIL, EADDRNOTAVAIL));
  }
}

TEST(LoopbackSockets, FindThePortThatIsFree) {
  const ChildAnswer answer = with_ephemeral_ports("1024 65000", [] {
    std::vector<UniqueFd> others;  // all that are preferred, but one
    for (uint16_t port = 65001; port != 0; ++port) {
      if (port == 65432) continue;
      others.push_back(stream_socket(Family::ipv4));
      const Endpoint taken = Endpoint::ipv4(INADDR_LOOPBACK, port);
      checked(::bind(others.back().get(), taken.address(), taken.size()), "bind");
    }
    const BoundSockets last = bind_loopback({});
    const BoundSockets more = bind_loopback({});
    return fmt::format("{} {}", last.endpoints[0].port(), more.endpoints[0].port() <= 65000);
  });
  if (answer.text.starts_with("unshare")) GTEST_SKIP() << answer.text;
  EXPECT_EQ(answer.text, "65432 true");
}

TEST(LoopbackSockets, SpreadIpv4OverAddresses) {
  const BoundSockets bound = bind_loopback({.family = Family::ipv4, .open_at_once = 2 * ephemeral_ports().size()});
  std::set<std::string> addresses;
  for (const Endpoint& endpoint : bound.endpoints) {
    const std::string text = endpoint.to_string();
    addresses.insert(text.substr(0, text.rfind(':')));
  }
  EXPECT_EQ(addresses.size(), bound.endpoints.size());
  EXPECT_TRUE(addresses.contains("127.0.0.1"));
  EXPECT_TRUE(addresses.contains("127.1.0.1"));
}

TEST(LoopbackSockets, AreBoundToTheirEndpoints) {
  const BoundSockets bound = bind_loopback({.family = Family::ipv4, .open_at_once = 100'000});
  ASSERT_EQ(bound.sockets.size(), bound.endpoints.size());
  for (size_t i = 0; i < bound.sockets.size(); ++i) {
    EXPECT_EQ(Endpoint::of_socket(bound.sockets[i].get()), bound.endpoints[i]);
  }
}

TEST(LoopbackSockets, GiveEveryUnixSocketAUniqueName) {
  const BoundSockets one = bind_loopback({.family = Family::unix_domain});
  const BoundSockets other = bind_loopback({.family = Family::unix_domain});
  EXPECT_NE(one.endpoints[0], other.endpoints[0]);
}

TEST(LoopbackSockets, ListenWithTheLongestBacklogTheMachineAllows) {
  EXPECT_GT(longest_backlog(), 0);
  const BoundSockets bound = bind_loopback({});
  listen_on(bound, longest_backlog());
  EXPECT_EQ(plain::connect_to(bound.endpoints[0]).error, 0);
}

}  // namespace
}  // namespace connbench
