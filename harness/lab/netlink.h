// What the lab asks of rtnetlink, by libnl: links, addresses, neighbours, routes.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

struct nl_sock;
struct nl_addr;

namespace connbench::lab {

using Mac = std::array<uint8_t, 6>;

/// An address, or all of a network.
struct IpPrefix {
  sa_family_t family;
  std::array<uint8_t, 16> bytes;  ///< network order; four of them for IPv4
  unsigned length;                ///< in bits

  static IpPrefix ipv4(uint32_t address, unsigned length = 32) noexcept;  ///< host order
  static IpPrefix ipv6(const in6_addr& address, unsigned length = 128) noexcept;
};

/// One end of a veth pair.
struct VethEnd {
  const char* name;
  int index;  ///< the interface's number in its namespace
  Mac mac;
};

/// A socket to the network namespace in which it was made. Every method throws std::system_error that says what was
/// asked and what the kernel answered.
class Netlink {
 public:
  Netlink();

  /// A pair with one end here and one in another namespace.
  void add_veth(const VethEnd& here, const VethEnd& there, int there_namespace);
  void set_up(int interface);
  /// Until it carries what is sent. An interface whose other end came up later is told so by a worker of the kernel,
  /// and drops everything before.
  void wait_until_up(int interface);
  /// Without duplicate address detection, which would take a second.
  void add_address(int interface, const IpPrefix& address);
  void add_neighbour(int interface, const IpPrefix& neighbour, const Mac& mac);

  struct Route {
    uint8_t type;                         ///< RTN_UNICAST, RTN_LOCAL, RTN_PROHIBIT …
    int interface = 0;                    ///< 0 = none
    const IpPrefix* gateway = nullptr;    ///< nullptr = what it leads to is on the link itself
    const IpPrefix* preferred = nullptr;  ///< source address of those who do not choose one
  };
  void add_route(const IpPrefix& to, const Route& route);

 private:
  struct Close {
    void operator()(nl_sock* socket) const noexcept;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace connbench::lab
