// ICMP "destination unreachable" messages, as a router on the path would send them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/lab/link/packet.h"
#include "harness/lab/link/rule.h"

namespace connbench::lab {

/// The longest message: IPv6's minimum MTU plus an Ethernet header.
inline constexpr size_t longest_unreachable = ethernet_header + 1280;

/// Writes to `out` a frame that reports to the sender of `frame` (parsed as `packet`) that its packet was not
/// delivered, and returns the length. The source is the address that the packet was sent to. The message quotes as much
/// of the packet as fits into 576 bytes (RFC 1812, section 4.3.2.3) or 1,280 (RFC 4443, section 2.4 (c)).
///
/// Returns 0 for packets that must not be answered: ICMP errors, RSTs, fragments other than the first, and packets
/// without a unicast source.
size_t make_unreachable(std::span<const uint8_t> frame, const Packet& packet, LinkRule::Answer answer,
                        std::span<uint8_t, longest_unreachable> out) noexcept;

}  // namespace connbench::lab
