#include "harness/targets/loopback_sockets.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

void expect_range(PortRange range, int first, int last) {
  EXPECT_EQ(range.first, first);
  EXPECT_EQ(range.last, last);
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

TEST(ServerPorts, AreRefusedWhenEveryPortIsEphemeral) {
  try {
    server_ports({1024, 65535});
    FAIL() << "no port should be left";
  } catch (const std::system_error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("ip_local_port_range"));
  }
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
