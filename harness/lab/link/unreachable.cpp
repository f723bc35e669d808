#include "harness/lab/link/unreachable.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <cstring>

#include "harness/lab/link/wire.h"

namespace connbench::lab {
namespace {

using Answer = LinkRule::Answer;
using Bytes = std::span<const uint8_t>;

constexpr size_t ipv4_header = 20;
constexpr size_t ipv6_header = 40;
constexpr size_t icmp_header = 8;
constexpr size_t longest_ipv4 = 576;
constexpr size_t longest_ipv6 = longest_unreachable - ethernet_header;
constexpr uint8_t hops = 64;
constexpr uint8_t internetwork_control = 0xc0;  // precedence of ICMP errors: RFC 1812, section 4.3.2.5

uint32_t sum16(Bytes bytes, uint32_t sum) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load16(&bytes[i]);
  if (bytes.size() % 2 != 0) sum += uint32_t{bytes.back()} << 8;
  return sum;
}

uint16_t checksum(uint32_t sum) {
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint8_t code_ipv4(Answer answer) {
  if (answer == Answer::net_unreachable) return ICMP_NET_UNREACH;
  return answer == Answer::prohibited ? ICMP_PKT_FILTERED : ICMP_HOST_UNREACH;
}

uint8_t code_ipv6(Answer answer) {
  if (answer == Answer::net_unreachable) return ICMP6_DST_UNREACH_NOROUTE;
  return answer == Answer::prohibited ? ICMP6_DST_UNREACH_ADMIN : ICMP6_DST_UNREACH_ADDR;
}

bool is_error_ipv4(uint8_t type) {
  return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
         type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/// RFC 4443, section 2.4 (e): error types are below 128; a redirect counts as one.
bool is_error_ipv6(uint8_t type) {
  return type < ICMP6_ECHO_REQUEST || type == ND_REDIRECT;
}

bool has_single_sender(const Packet& packet) {
  const uint8_t first = packet.source[0];
  if (!packet.ipv6) return first != 0 && first != 127 && first < 224;
  return first != 0xff && packet.source != Packet::Address{};
}

bool may_be_answered(Bytes frame, const Packet& packet) {
  if (!packet.has_start || !has_single_sender(packet)) return false;
  if (packet.protocol == IPPROTO_TCP) return packet.tcp && (packet.tcp->flags & TcpHeader::rst) == 0;
  const uint8_t icmp = packet.ipv6 ? uint8_t{IPPROTO_ICMPV6} : uint8_t{IPPROTO_ICMP};
  if (packet.protocol != icmp) return true;
  if (packet.payload_at >= packet.length) return false;  // too short to hold its type
  const uint8_t type = frame[ethernet_header + packet.payload_at];
  return packet.ipv6 ? !is_error_ipv6(type) : !is_error_ipv4(type);
}

/// Writes the ICMP message after an IP header of `header` bytes; returns the length of the whole packet.
size_t put_message(std::span<uint8_t> ip, size_t header, Bytes offending, uint8_t type, uint8_t code) {
  const Bytes quoted = offending.first(std::min(offending.size(), ip.size() - header - icmp_header));
  ip[header] = type;
  ip[header + 1] = code;
  std::copy(quoted.begin(), quoted.end(), ip.begin() + static_cast<ptrdiff_t>(header + icmp_header));
  return header + icmp_header + quoted.size();
}

size_t put_ipv4(std::span<uint8_t> ip, Bytes offending, const Packet& packet, Answer answer) {
  const size_t length = put_message(ip, ipv4_header, offending, ICMP_DEST_UNREACH, code_ipv4(answer));
  store16(&ip[ipv4_header + 2], checksum(sum16(ip.subspan(ipv4_header, length - ipv4_header), 0)));
  ip[0] = 0x45;
  ip[1] = internetwork_control;
  store16(&ip[2], length);
  store16(&ip[6], 0x4000);  // don't fragment, so no identification is needed
  ip[8] = hops;
  ip[9] = IPPROTO_ICMP;
  std::copy_n(packet.destination.begin(), 4, &ip[12]);
  std::copy_n(packet.source.begin(), 4, &ip[16]);
  store16(&ip[10], checksum(sum16(ip.first(ipv4_header), 0)));
  return length;
}

size_t put_ipv6(std::span<uint8_t> ip, Bytes offending, const Packet& packet, Answer answer) {
  const size_t length = put_message(ip, ipv6_header, offending, ICMP6_DST_UNREACH, code_ipv6(answer));
  ip[0] = 0x60;
  store16(&ip[4], length - ipv6_header);
  ip[6] = IPPROTO_ICMPV6;
  ip[7] = hops;
  std::ranges::copy(packet.destination, &ip[8]);
  std::ranges::copy(packet.source, &ip[24]);
  // The checksum also covers the addresses, the length and the protocol: RFC 8200, section 8.1.
  const auto pseudo_header = static_cast<uint32_t>(length - ipv6_header + IPPROTO_ICMPV6);
  store16(&ip[ipv6_header + 2], checksum(sum16(ip.subspan(8, length - 8), pseudo_header)));
  return length;
}

}  // namespace

size_t make_unreachable(std::span<const uint8_t> frame, const Packet& packet, Answer answer,
                        std::span<uint8_t, longest_unreachable> out) noexcept {
  if (!may_be_answered(frame, packet)) return 0;
  const Bytes offending = frame.subspan(ethernet_header, packet.length);
  std::memset(out.data(), 0, ethernet_header + ipv6_header + icmp_header);
  std::copy_n(&frame[6], 6, &out[0]);
  std::copy_n(&frame[0], 6, &out[6]);
  std::copy_n(&frame[12], 2, &out[12]);
  const std::span<uint8_t> ip = out.subspan(ethernet_header);
  const size_t length = packet.ipv6 ? put_ipv6(ip.first(longest_ipv6), offending, packet, answer)
                                    : put_ipv4(ip.first(longest_ipv4), offending, packet, answer);
  return ethernet_header + length;
}

}  // namespace connbench::lab
