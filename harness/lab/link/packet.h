// The parts of an Ethernet frame that the link needs, parsed with bounds checks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace connbench::lab {

inline constexpr size_t ethernet_header = 14;

/// The TCP header's fields, in host byte order.
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
  using Address = std::array<uint8_t, 16>;  ///< network byte order; IPv4 uses the first four bytes

  bool ipv6 = false;
  bool to_far = false;      ///< true: sent to `block`; false: sent from it
  uint8_t block = 0;        ///< number of the far block
  uint16_t length = 0;      ///< of the IP packet, which follows the Ethernet header and may be followed by padding
  bool has_start = true;    ///< false for every fragment but the first
  uint8_t protocol = 0;     ///< of the payload, after any IPv6 extension headers
  uint16_t payload_at = 0;  ///< where the payload begins in the IP packet
  Address source{};
  Address destination{};
  std::optional<TcpHeader> tcp{};  ///< absent for other protocols and in fragments without the header
};

/// Parses one frame. A packet between two far blocks counts as sent to its destination. Returns nullopt when the packet
/// is neither to nor from a far block, is not IP, or has headers that contradict each other or the frame's length.
/// Checksums are left to the receiver.
std::optional<Packet> parse_frame(std::span<const uint8_t> frame) noexcept;

}  // namespace connbench::lab
