// Builds frames as they are on the wire, for tests and benchmarks of the link: the smallest set of builders they need.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/lab/addresses.h"
#include "harness/lab/link/packet.h"

namespace connbench::lab::frames {

using Bytes = std::vector<uint8_t>;

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Bytes be16(size_t value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}
inline Bytes be32(size_t value) {
  return be16(value >> 16 & 0xffff) + be16(value & 0xffff);
}

inline Bytes ethernet(uint16_t type, const Bytes& payload) {
  return Bytes{2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a} + be16(type) + payload;
}

struct Tcp {
  uint16_t from = 40000, to = 4000;
  uint32_t sequence = 0x01020304, acknowledgement = 0;
  uint8_t flags = TcpHeader::syn;
  Bytes options{};  ///< padded to a multiple of four
};
inline Bytes tcp(const Tcp& t = {}) {
  const auto words = static_cast<uint8_t>(5 + t.options.size() / 4);
  return be16(t.from) + be16(t.to) + be32(t.sequence) + be32(t.acknowledgement) +
         Bytes{static_cast<uint8_t>(words << 4), t.flags} + be16(64240) + be32(0) + t.options;
}
inline Bytes udp(size_t data = 8) {
  return be16(40000) + be16(4000) + be16(8 + data) + be16(0) + Bytes(data, 'x');
}

inline constexpr uint32_t client4 = ipv4_address(Block::own_network, 0);
constexpr uint32_t far4(int block) {
  return ipv4_address(static_cast<Block>(block), 0);
}

struct Ipv4 {
  uint32_t from = client4, to = far4(7);
  uint8_t protocol = 6;
  uint16_t fragment = 0x4000;
  Bytes options{};  ///< padded to a multiple of four
};
inline Bytes ipv4(const Bytes& payload, const Ipv4& i = {}) {
  const size_t header = 20 + i.options.size();
  return ethernet(0x0800, Bytes{static_cast<uint8_t>(0x40 + header / 4), 0} + be16(header + payload.size()) + be16(1) +
                              be16(i.fragment) + Bytes{64, i.protocol} + be16(0) + be32(i.from) + be32(i.to) +
                              i.options + payload);
}

inline Bytes bytes_of(const in6_addr& address) {
  return {std::begin(address.s6_addr), std::end(address.s6_addr)};
}
inline Bytes client6() {
  return bytes_of(ipv6_address(Block::own_network, 0));
}
inline Bytes far6(int block) {
  return bytes_of(ipv6_address(static_cast<Block>(block), 0));
}

struct Ipv6 {
  Bytes from = client6(), to = far6(7);
  uint8_t next = 6;
};
inline Bytes ipv6(const Bytes& payload, const Ipv6& i = {}) {
  return ethernet(0x86dd, Bytes{0x60, 0, 0, 0} + be16(payload.size()) + Bytes{i.next, 64} + i.from + i.to + payload);
}
/// An extension header (hop-by-hop, routing, destination options) of `octets` times eight bytes.
inline Bytes extension(uint8_t next, uint8_t octets = 1) {
  return Bytes{next, static_cast<uint8_t>(octets - 1)} + Bytes(size_t{8} * octets - 2, 0);
}
enum class Fragment : uint8_t { last, more_follow };
inline Bytes fragment(uint8_t next, size_t offset_in_octets, Fragment which) {
  return Bytes{next, 0} + be16(offset_in_octets << 3 | (which == Fragment::more_follow ? 1 : 0)) + be32(77);
}
inline Bytes authentication(uint8_t next) {
  return Bytes{next, 4} + Bytes(22, 0);  // (4 + 2) * 4 bytes
}

struct Named {
  std::string name;
  Bytes bytes;
};

/// One frame of each kind that the link may meet.
inline std::vector<Named> every_kind() {
  const Bytes synack = tcp({.from = 4000, .to = 40000, .acknowledgement = 9, .flags = TcpHeader::syn | TcpHeader::ack});
  const Bytes options{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
  return {
      {"syn over IPv4", ipv4(tcp({.options = options}))},
      {"syn+ack over IPv4", ipv4(synack, {.from = far4(200), .to = client4})},
      {"syn over IPv4 with options", ipv4(tcp(), {.options = Bytes{7, 7, 4, 0, 0, 0, 0, 0}})},
      {"reset over IPv4", ipv4(tcp({.flags = TcpHeader::rst}))},
      {"padded ack over IPv4", ipv4(tcp({.flags = TcpHeader::ack})) + Bytes(6, 0)},
      {"first fragment over IPv4", ipv4(tcp() + Bytes(100, 'x'), {.fragment = 0x2000})},
      {"first fragment without all of TCP over IPv4", ipv4(Bytes(8, 1), {.fragment = 0x2000})},
      {"later fragment over IPv4", ipv4(Bytes(64, 'x'), {.fragment = 0x0010})},
      {"udp over IPv4", ipv4(udp(1400), {.protocol = 17})},
      {"echo request over IPv4", ipv4(Bytes{8, 0, 0, 0, 0, 1, 0, 1}, {.protocol = 1})},
      {"icmp error over IPv4", ipv4(Bytes{3, 1, 0, 0, 0, 0, 0, 0}, {.protocol = 1})},
      {"syn over IPv6", ipv6(tcp({.options = options}))},
      {"syn+ack over IPv6", ipv6(synack, {.from = far6(200), .to = client6()})},
      {"syn behind every extension header",
       ipv6(extension(60) + extension(43, 2) + extension(44, 3) + fragment(51, 0, Fragment::last) +
                authentication(135) + extension(6) + tcp(),
            {.next = 0})},
      {"first fragment over IPv6", ipv6(fragment(6, 0, Fragment::more_follow) + tcp() + Bytes(100, 'x'), {.next = 44})},
      {"later fragment over IPv6", ipv6(fragment(6, 4, Fragment::last) + Bytes(64, 'x'), {.next = 44})},
      {"udp over IPv6", ipv6(udp(1400), {.next = 17})},
      {"icmp error over IPv6", ipv6(Bytes{1, 3, 0, 0, 0, 0, 0, 0}, {.next = 58})},
      {"neighbour solicitation", ipv6(Bytes(24, 0), {.to = bytes_of(in6addr_loopback), .next = 58})},
      {"arp", ethernet(0x0806, Bytes(28, 1))},
  };
}

}  // namespace connbench::lab::frames
