#include "harness/trace/packet_parser.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "harness/lab/link/wire.h"
#include "harness/lab/network.h"

namespace connbench::trace {
namespace {

using Bytes = std::span<const uint8_t>;
using lab::load16;
using lab::load32;

constexpr int loopback_interface = 1;

std::optional<End> end_of(int interface) {
  if (interface == lab::client_interface) return End::client;
  if (interface == lab::blackhole_interface) return End::nowhere;
  if (interface == lab::server_interface) return End::server;
  if (interface == loopback_interface) return End::loopback;
  return std::nullopt;
}

// The fields of an IP header.
struct Ip {
  sa_family_t family;
  uint8_t protocol;
  uint16_t id;
  const uint8_t* source;
  const uint8_t* destination;
  Bytes payload;   // the captured part
  size_t carried;  // length on the wire
};

std::optional<Ip> parse_ipv4(Bytes bytes) {
  if (bytes.size() < 20 || bytes[0] >> 4 != 4) return std::nullopt;
  const size_t header = (bytes[0] & 0xfU) * 4;
  const size_t total = load16(&bytes[2]);
  if (header < 20 || bytes.size() < header || total < header || (load16(&bytes[6]) & 0x1fffU) != 0) return std::nullopt;
  return Ip{AF_INET,       bytes[9],   load16(&bytes[4]),
            &bytes[12],    &bytes[16], bytes.subspan(header, std::min(total, bytes.size()) - header),
            total - header};
}

// Nothing in the lab sends extension headers with TCP; packets that have them are ignored.
std::optional<Ip> parse_ipv6(Bytes bytes) {
  constexpr size_t header = 40;
  if (bytes.size() < header || bytes[0] >> 4 != 6) return std::nullopt;
  const size_t length = load16(&bytes[4]);
  return Ip{AF_INET6,  bytes[6],   0,
            &bytes[8], &bytes[24], bytes.subspan(header, std::min(length, bytes.size() - header)),
            length};
}

Endpoint endpoint(const Ip& ip, const uint8_t* address, uint16_t port) {
  if (ip.family == AF_INET) return Endpoint::ipv4(load32(address), port);
  in6_addr v6{};
  std::memcpy(&v6, address, sizeof v6);
  return Endpoint::ipv6(v6, port);
}

void parse_option(uint8_t kind, Bytes value, TcpOptions& options) {
  if (kind == 2 && value.size() == 2) options.mss = load16(value.data());
  if (kind == 3 && value.size() == 1) options.window_scale = value[0];
  if (kind == 4) options.sack_permitted = true;
  if (kind == 5) options.sack_blocks = static_cast<int>(value.size() / 8);
  if (kind == 8 && value.size() == 8) {
    options.timestamps = true;
    options.timestamp = load32(value.data());
    options.timestamp_echo = load32(&value[4]);
  }
}

TcpOptions parse_options(Bytes bytes) {
  constexpr uint8_t end = 0, padding = 1;
  TcpOptions options;
  for (size_t at = 0; at < bytes.size() && bytes[at] != end;) {
    if (bytes[at] == padding) {
      ++at;
      continue;
    }
    if (at + 1 >= bytes.size() || bytes[at + 1] < 2 || at + bytes[at + 1] > bytes.size()) break;
    parse_option(bytes[at], bytes.subspan(at + 2, bytes[at + 1] - 2U), options);
    at += bytes[at + 1];
  }
  return options;
}

bool parse_tcp(const Ip& ip, Packet& packet) {
  const Bytes tcp = ip.payload;
  if (tcp.size() < 20) return false;
  const size_t header = (tcp[12] >> 4) * 4U;
  if (header < 20 || header > tcp.size() || header > ip.carried) return false;
  packet.source = endpoint(ip, ip.source, load16(&tcp[0]));
  packet.destination = endpoint(ip, ip.destination, load16(&tcp[2]));
  packet.sequence = load32(&tcp[4]);
  packet.acknowledgement = load32(&tcp[8]);
  packet.flags = tcp[13];
  packet.window = load16(&tcp[14]);
  packet.length = static_cast<uint32_t>(ip.carried - header);
  packet.ip_id = ip.id;
  packet.options = parse_options(tcp.subspan(20, header - 20));
  return true;
}

std::optional<Ip> parse_ip(uint16_t protocol, Bytes bytes) {
  if (protocol == ETHERTYPE_IP) return parse_ipv4(bytes);
  if (protocol == ETHERTYPE_IPV6) return parse_ipv6(bytes);
  return std::nullopt;
}

std::string unreachable_text(const Ip& ip, uint8_t code) {
  if (ip.family == AF_INET)
    return code == ICMP_HOST_UNREACH   ? "ICMP host unreachable"
           : code == ICMP_NET_UNREACH  ? "ICMP net unreachable"
           : code == ICMP_PORT_UNREACH ? "ICMP port unreachable"
                                       : fmt::format("ICMP unreachable, code {}", code);
  return code == ICMP6_DST_UNREACH_ADDR      ? "ICMP6 address unreachable"
         : code == ICMP6_DST_UNREACH_NOROUTE ? "ICMP6 no route"
                                             : fmt::format("ICMP6 unreachable, code {}", code);
}

// An ICMP error quotes the packet it is about. Swap the quoted packet's ends, so that the notice travels towards the
// sender.
bool parse_icmp(const Ip& ip, Packet& packet) {
  constexpr size_t header = 8;
  const uint8_t unreachable = ip.family == AF_INET ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH;
  const Bytes icmp = ip.payload;
  packet.kind = Packet::Kind::notice;
  if (icmp.size() < header) return false;
  if (ip.family == AF_INET6 && icmp[0] == ND_NEIGHBOR_SOLICIT && icmp.size() >= header + 16) {
    packet.source = endpoint(ip, ip.source, 0);
    packet.destination = endpoint(ip, &icmp[header], 0);
    packet.notice = "ICMP6 who has " + packet.destination.to_string();
    return true;
  }
  if (icmp[0] != unreachable) return false;
  const auto quoted = parse_ip(ip.family == AF_INET ? ETHERTYPE_IP : ETHERTYPE_IPV6, icmp.subspan(header));
  if (!quoted || quoted->protocol != IPPROTO_TCP || quoted->payload.size() < 4) return false;
  packet.source = endpoint(*quoted, quoted->destination, load16(&quoted->payload[2]));
  packet.destination = endpoint(*quoted, quoted->source, load16(&quoted->payload[0]));
  packet.notice = unreachable_text(ip, icmp[1]);
  return true;
}

bool parse_arp(Bytes arp, Packet& packet) {
  constexpr size_t length = 28;  // for Ethernet and IPv4
  constexpr uint16_t request = 1;
  if (arp.size() < length) return false;
  packet.kind = Packet::Kind::notice;
  packet.source = Endpoint::ipv4(load32(&arp[14]), 0);
  packet.destination = Endpoint::ipv4(load32(&arp[24]), 0);
  const bool asks = load16(&arp[6]) == request;
  const std::string address = (asks ? packet.destination : packet.source).to_string();
  packet.notice = fmt::format("ARP {} {}", asks ? "who has" : "here is", address.substr(0, address.find(':')));
  return true;
}

struct ClosePcap {
  void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};

}  // namespace

std::optional<Packet> parse_packet(std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(sll2_header)) return std::nullopt;
  sll2_header header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto end = end_of(static_cast<int>(ntohl(header.sll2_if_index)));
  if (!end) return std::nullopt;
  Packet packet;
  packet.end = *end;
  packet.outgoing = header.sll2_pkttype == PACKET_OUTGOING;
  const Bytes rest = bytes.subspan(sizeof header);
  const uint16_t protocol = ntohs(header.sll2_protocol);
  if (protocol == ETHERTYPE_ARP) return parse_arp(rest, packet) ? std::optional(packet) : std::nullopt;
  const auto ip = parse_ip(protocol, rest);
  if (!ip) return std::nullopt;
  const bool icmp = ip->protocol == IPPROTO_ICMP || ip->protocol == IPPROTO_ICMPV6;
  const bool known = ip->protocol == IPPROTO_TCP ? parse_tcp(*ip, packet) : icmp && parse_icmp(*ip, packet);
  return known ? std::optional(packet) : std::nullopt;
}

Capture read_capture(const std::string& file) {
  char error[PCAP_ERRBUF_SIZE]{};
  const std::unique_ptr<pcap_t, ClosePcap> pcap(
      pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
  if (!pcap) throw std::runtime_error(fmt::format("the capture cannot be read: {}", error));
  Capture capture;
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int result = 0;
  while ((result = pcap_next_ex(pcap.get(), &header, &bytes)) == 1) {
    auto packet = parse_packet({bytes, header->caplen});
    capture.others += packet ? 0 : 1;
    if (!packet) continue;
    packet->time_ns = int64_t{header->ts.tv_sec} * 1'000'000'000 + header->ts.tv_usec;
    capture.packets.push_back(std::move(*packet));
  }
  if (result == PCAP_ERROR)
    throw std::runtime_error(fmt::format("the capture cannot be read: {}", pcap_geterr(pcap.get())));
  std::ranges::stable_sort(capture.packets, {}, &Packet::time_ns);
  return capture;
}

}  // namespace connbench::trace
