#include "harness/lab/link/connection_memory.h"

#include <gtest/gtest.h>

#include <utility>

namespace connbench::lab {
namespace {

/// The SYN of the n-th connection.
Packet syn(uint32_t n) {
  Packet packet;
  packet.to_far = true;
  packet.source = {198, 18, 0, 1};
  packet.destination = {198, 19, 7, 1};
  packet.tcp = TcpHeader{.source_port = static_cast<uint16_t>(n % 64'000),
                         .destination_port = 4000,
                         .sequence = n / 64'000,
                         .flags = TcpHeader::syn};
  return packet;
}

constexpr uint32_t many = ConnectionMemory::connections_per_generation;

TEST(ConnectionMemory, CountsConnectionsSeparately) {
  ConnectionMemory memory(1);
  for (uint8_t before = 0; before < 3; ++before)
    for (uint32_t n = 0; n < 1000; ++n) EXPECT_EQ(memory.count(syn(n)), before);
}

TEST(ConnectionMemory, StopsCountingAt255) {
  ConnectionMemory memory(1);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(memory.count(syn(0)), std::min(i, 255));
  EXPECT_EQ(memory.count(syn(1)), 0);
}

TEST(ConnectionMemory, IsExactForAMillionConnections) {
  ConnectionMemory memory(1);
  uint32_t wrong = 0;
  for (uint8_t before = 0; before < 2; ++before)
    for (uint32_t n = 0; n < many; ++n) wrong += memory.count(syn(n)) != before ? 1 : 0;
  EXPECT_EQ(wrong, 0U);
}

TEST(ConnectionMemory, AlwaysRemembersTheLastMillionConnections) {
  ConnectionMemory memory(1);
  for (uint32_t n = 0; n < many / 2; ++n) memory.count(syn(n));
  uint32_t wrong = 0;
  for (uint32_t n = many / 2; n < many / 2 + many; ++n) wrong += memory.count(syn(n)) != 0 ? 1 : 0;
  for (uint32_t n = many / 2; n < many / 2 + many; ++n) wrong += memory.count(syn(n)) != 1 ? 1 : 0;
  EXPECT_EQ(wrong, 0U);
}

TEST(ConnectionMemory, ForgetsConnectionsOlderThanTwoGenerations) {
  ConnectionMemory memory(1);
  for (uint32_t n = 0; n < 3 * many; ++n) memory.count(syn(n));
  EXPECT_EQ(memory.count(syn(0)), 0);
}

/// The SYN+ACK that answers syn(n).
Packet synack(uint32_t n) {
  Packet packet = syn(n);
  packet.to_far = false;
  std::swap(packet.source, packet.destination);
  std::swap(packet.tcp->source_port, packet.tcp->destination_port);
  packet.tcp->acknowledgement = packet.tcp->sequence + 1;
  packet.tcp->sequence = 12345;
  packet.tcp->flags = TcpHeader::syn | TcpHeader::ack;
  return packet;
}

TEST(ConnectionMemory, StoresASynAndItsSynAckOnce) {
  ConnectionMemory memory(1);
  for (uint32_t n = 0; n < 2 * many; ++n) {
    memory.count(syn(n));
    memory.count(synack(n));
  }
  EXPECT_EQ(memory.count(syn(0)), 1) << "two generations are too small";
}

TEST(ConnectionMemory, DistinguishesTheFamilies) {
  ConnectionMemory memory(1);
  Packet packet = syn(0);
  memory.count(packet);
  packet.ipv6 = true;
  EXPECT_EQ(memory.count(packet), 0);
}

}  // namespace
}  // namespace connbench::lab
