// What the link wants to know about an Ethernet frame, read with every bound checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace connbench::lab {

inline constexpr size_t ethernet_header = 14;

/// As on the wire, in host byte order.
struct TcpHeader {
  static constexpr uint8_t fin = 0x01, syn = 0x02, rst = 0x04, ack = 0x10;

  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = 0;

  bool is_syn() const noexcept { return (flags & (syn | ack | rst)) == syn; }
  bool is_synack() const noexcept { return (flags & (syn | ack | rst)) == (syn | ack); }
};

/// An IP packet to or from a far block.
struct Packet {
  using Address = std::array<uint8_t, 16>;  ///< network order; an IPv4 address is its first four bytes

  bool ipv6 = false;
  bool to_far = false;      ///< it goes to `block`; otherwise it comes from there
  uint8_t block = 0;        ///< Block as a number
  uint16_t length = 0;      ///< of the IP packet; it follows the Ethernet header, and padding may follow it
  bool has_start = true;    ///< it is no fragment but a first one
  uint8_t protocol = 0;     ///< of what IP carries, after IPv6's extension headers
  uint16_t payload_at = 0;  ///< where that begins in the IP packet
  Address source{};
  Address destination{};
  std::optional<TcpHeader> tcp{};  ///< of TCP, unless this fragment lacks the header
};

/// Reads one frame. A packet between two far blocks counts as going to its destination.
/// Nothing: it is neither to nor from a far block, not IP, or its headers contradict themselves or the frame's length.
/// Checksums are left to those who receive it.
std::optional<Packet> parse_frame(std::span<const uint8_t> frame) noexcept;

}  // namespace connbench::lab
