// The rtnetlink operations that the lab needs, through libnl: links, addresses, neighbours and routes.
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

/// An address or a whole network.
struct IpPrefix {
  sa_family_t family;
  std::array<uint8_t, 16> bytes;  ///< in network byte order; IPv4 uses the first four
  unsigned length;                ///< in bits

  static IpPrefix ipv4(uint32_t address, unsigned length = 32) noexcept;  ///< host order
  static IpPrefix ipv6(const in6_addr& address, unsigned length = 128) noexcept;
};

/// One end of a veth pair.
struct VethEnd {
  const char* name;
  int index;  ///< interface index in its namespace
  Mac mac;
};

/// A netlink socket bound to the network namespace it was created in. Every method throws std::system_error with the
/// operation that failed and the kernel's error.
class Netlink {
 public:
  Netlink();

  /// Creates a veth pair with one end in this namespace and the other in `there_namespace`.
  void add_veth(const VethEnd& here, const VethEnd& there, int there_namespace);
  void set_up(int interface);
  /// Waits until the interface carries packets. When its peer came up later, a kernel worker notifies the interface,
  /// which drops all packets until then.
  void wait_until_up(int interface);
  /// Skips duplicate address detection, which would take a second.
  void add_address(int interface, const IpPrefix& address);
  void add_neighbour(int interface, const IpPrefix& neighbour, const Mac& mac);

  struct Route {
    uint8_t type;                         ///< RTN_UNICAST, RTN_LOCAL, RTN_PROHIBIT …
    int interface = 0;                    ///< 0 = none
    const IpPrefix* gateway = nullptr;    ///< nullptr = destinations are directly on the link
    const IpPrefix* preferred = nullptr;  ///< source address for sockets that do not bind one
  };
  void add_route(const IpPrefix& to, const Route& route);

 private:
  struct Close {
    void operator()(nl_sock* socket) const noexcept;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace connbench::lab
