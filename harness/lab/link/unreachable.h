// The link's refusals: ICMP "destination unreachable", as a router on the way would send it.
#pragma once

#include <cstddef>
#include <span>

#include "harness/lab/link/packet.h"
#include "harness/lab/link/rule.h"

namespace connbench::lab {

/// The longest answer: IPv6's smallest MTU behind an Ethernet header.
inline constexpr size_t longest_unreachable = ethernet_header + 1280;

/// Writes to `out` the frame that tells the sender of `frame` (parsed: `packet`) that its packet was not delivered, and
/// returns its length. It comes from the address that was tried, and quotes as much of the packet as fits 576 bytes
/// (RFC 1812, section 4.3.2.3) or 1,280 (RFC 4443, section 2.4 (c)).
/// 0: nothing may be said about that packet: an ICMP error, an RST, a fragment other than the first, no single sender.
size_t make_unreachable(std::span<const uint8_t> frame, const Packet& packet, LinkRule::Answer answer,
                        std::span<uint8_t, longest_unreachable> out) noexcept;

}  // namespace connbench::lab
