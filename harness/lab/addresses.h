// Addresses of the lab. Both prefixes are reserved for testing network devices and are not routed on the Internet:
// 198.18.0.0/15 (RFC 2544, section C.2.2) and 2001:2::/48 (RFC 5180, section 8).
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>

namespace connbench::lab {

/// A block of addresses with one behaviour. Blocks 0–255 lie across the link, one per open target; the number of a
/// block selects its rule. All other blocks are on the client's side.
enum class Block : uint16_t {
  first_far = 0,
  last_far = 255,
  own_network = 0x1000,  ///< .1 is the client, .2 the server, which is also the router
  no_arp = 0x1001,       ///< on the local network, but no host has these addresses
  prohibited = 0x1002,   ///< a route rejects these addresses
  no_route = 0x1003,     ///< no route
  clients = 0x1004,      ///< more addresses of the client, all of them, over IPv4 only (for +source-address)
  blackhole = 0x2000,    ///< behind an interface whose peer is down
};

/// 198.19.<block>.0/24 for far blocks, 198.18.<…>.0 for all others; the blackhole is a /17.
constexpr uint32_t ipv4_base(Block block) noexcept {
  constexpr uint32_t prefix = 198U << 24 | 18U << 16;
  const auto number = static_cast<uint32_t>(block);
  if (number <= 255) return prefix | 1U << 16 | number << 8;
  if (block == Block::blackhole) return prefix | 128U << 8;
  return prefix | (number & 0xffU) << 8;
}
constexpr unsigned ipv4_prefix(Block block) noexcept {
  return block == Block::blackhole ? 17 : 24;
}

/// 2001:2:0:<block>::/64.
constexpr in6_addr ipv6_base(Block block) noexcept {
  const auto number = static_cast<uint16_t>(block);
  in6_addr address{};
  address.s6_addr[0] = 0x20;
  address.s6_addr[1] = 0x01;
  address.s6_addr[3] = 0x02;
  address.s6_addr[6] = static_cast<uint8_t>(number >> 8);
  address.s6_addr[7] = static_cast<uint8_t>(number & 0xff);
  return address;
}
inline constexpr unsigned ipv6_prefix = 64;

/// The n-th address of a block, counted from 0, in host order. `n` < 250, in the blackhole < 32,000.
constexpr uint32_t ipv4_address(Block block, uint32_t n) noexcept {
  return ipv4_base(block) + 1 + n;
}
constexpr in6_addr ipv6_address(Block block, uint16_t n) noexcept {
  in6_addr address = ipv6_base(block);
  const auto host = static_cast<uint16_t>(n + 1);
  address.s6_addr[14] = static_cast<uint8_t>(host >> 8);
  address.s6_addr[15] = static_cast<uint8_t>(host & 0xff);
  return address;
}

/// The far block that an address belongs to; nullopt when it is not across the link. `address` is in host order.
constexpr std::optional<uint8_t> far_block(uint32_t address) noexcept {
  constexpr uint32_t far = 198U << 24 | 19U << 16;
  if ((address & 0xffff0000U) != far) return std::nullopt;
  return static_cast<uint8_t>(address >> 8 & 0xffU);
}
constexpr std::optional<uint8_t> far_block(const in6_addr& address) noexcept {
  constexpr in6_addr far = ipv6_base(Block::first_far);
  for (int i = 0; i < 7; ++i)
    if (address.s6_addr[i] != far.s6_addr[i]) return std::nullopt;
  return address.s6_addr[7];
}

}  // namespace connbench::lab
