#include "harness/lab/link/packet.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "harness/lab/addresses.h"
#include "harness/lab/link/wire.h"

namespace connbench::lab {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t ipv4_header = 20;
constexpr size_t ipv6_header = 40;
constexpr size_t tcp_header = 20;

/// Sets block and direction. Returns false when neither address is far.
template <class AddressType>
bool find_block(const AddressType& source, const AddressType& destination, Packet& packet) {
  const auto to = far_block(destination);
  const auto from = far_block(source);
  packet.to_far = to.has_value();
  packet.block = to ? *to : from.value_or(0);
  return to || from;
}

in6_addr ipv6_at(const uint8_t* at) {
  in6_addr address;
  std::memcpy(&address, at, sizeof address);
  return address;
}

/// `more`: further fragments follow, so the header may continue in the next one. Returns false when the header is
/// invalid.
bool read_tcp(Bytes segment, bool more, Packet& packet) {
  if (segment.size() < tcp_header) return more;
  const size_t header = size_t{segment[12]} >> 4 << 2;
  if (header < tcp_header || (header > segment.size() && !more)) return false;
  packet.tcp = {.source_port = load16(&segment[0]),
                .destination_port = load16(&segment[2]),
                .sequence = load32(&segment[4]),
                .acknowledgement = load32(&segment[8]),
                .flags = segment[13]};
  return true;
}

/// `ip` ends where the packet ends, without Ethernet padding.
bool read_payload(Bytes ip, size_t at, bool more, Packet& packet) {
  packet.length = static_cast<uint16_t>(ip.size());
  packet.payload_at = static_cast<uint16_t>(at);
  if (packet.protocol != IPPROTO_TCP || !packet.has_start) return true;
  return read_tcp(ip.subspan(at), more, packet);
}

bool read_ipv4(Bytes ip, Packet& packet) {
  if (ip.size() < ipv4_header || ip[0] >> 4 != 4) return false;
  const size_t header = size_t{ip[0]} % 16 * 4;
  const size_t length = load16(&ip[2]);
  if (header < ipv4_header || length < header || length > ip.size()) return false;
  if (!find_block(load32(&ip[12]), load32(&ip[16]), packet)) return false;
  std::copy_n(&ip[12], 4, packet.source.begin());
  std::copy_n(&ip[16], 4, packet.destination.begin());
  const unsigned fragment = load16(&ip[6]);
  packet.has_start = (fragment & 0x1fffU) == 0;
  packet.protocol = ip[9];
  return read_payload(ip.first(length), header, (fragment & 0x2000U) != 0, packet);
}

bool is_extension(uint8_t next) {
  return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT || next == IPPROTO_AH ||
         next == IPPROTO_DSTOPTS || next == IPPROTO_MH;
}

/// Length in bytes; at least eight bytes are readable at `at`.
size_t extension_length(uint8_t kind, const uint8_t* at) {
  if (kind == IPPROTO_FRAGMENT) return 8;
  if (kind == IPPROTO_AH) return (size_t{at[1]} + 2) * 4;  // RFC 4302, section 2.2
  return (size_t{at[1]} + 1) * 8;
}

/// Walks the chain of extension headers to the payload.
bool read_extensions(Bytes ip, uint8_t next, Packet& packet) {
  size_t at = ipv6_header;
  bool more = false;
  while (packet.has_start && is_extension(next)) {
    if (ip.size() - at < 8) return false;
    const size_t length = extension_length(next, &ip[at]);
    if (length > ip.size() - at) return false;
    if (next == IPPROTO_FRAGMENT) {
      const unsigned fragment = load16(&ip[at + 2]);
      packet.has_start = fragment >> 3 == 0;
      more = (fragment & 1U) != 0;
    }
    next = ip[at];
    at += length;
  }
  packet.protocol = next;
  return read_payload(ip, at, more, packet);
}

bool read_ipv6(Bytes ip, Packet& packet) {
  if (ip.size() < ipv6_header || ip[0] >> 4 != 6) return false;
  const size_t length = ipv6_header + load16(&ip[4]);
  if (length > ip.size() || length > UINT16_MAX) return false;
  if (!find_block(ipv6_at(&ip[8]), ipv6_at(&ip[24]), packet)) return false;
  std::copy_n(&ip[8], 16, packet.source.begin());
  std::copy_n(&ip[24], 16, packet.destination.begin());
  packet.ipv6 = true;
  return read_extensions(ip.first(length), ip[6], packet);
}

}  // namespace

std::optional<Packet> parse_frame(std::span<const uint8_t> frame) noexcept {
  if (frame.size() < ethernet_header) return std::nullopt;
  const uint16_t type = load16(&frame[12]);
  const Bytes ip = frame.subspan(ethernet_header);
  Packet packet;
  if (type == ETH_P_IP && read_ipv4(ip, packet)) return packet;
  if (type == ETH_P_IPV6 && read_ipv6(ip, packet)) return packet;
  return std::nullopt;
}

}  // namespace connbench::lab
