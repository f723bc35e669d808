// TCP's state as the kernel tells it: of a descriptor, and of every socket of this network namespace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench::probe {

/// TCP_ESTABLISHED …, by TCP_INFO. @throws std::system_error
int tcp_state_of(int fd);

/// A line of /proc/net/tcp.
struct ListedSocket {
  uint16_t local_port;
  uint16_t remote_port;
  int state;
  int timer;         ///< 0 none, 1 retransmission, 2 keepalive …, 3 TIME_WAIT
  Duration expires;  ///< of that timer, from now on; in steps of the kernel's user clock, 10 ms
};
/// "44203 -> 9 SYN_SENT".
std::string describe(const ListedSocket& socket);

/// Those of IPv4 that have this local port, in the network namespace of this process. Listeners are left out.
std::vector<ListedSocket> sockets_at_port(uint16_t port);

}  // namespace connbench::probe
