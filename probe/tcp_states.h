// TCP states as reported by the kernel: of one descriptor, and of every socket in this network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench::probe {

/// The state reported by TCP_INFO: TCP_ESTABLISHED …. @throws std::system_error
int tcp_state_of(int fd);

/// A line of /proc/net/tcp.
struct ListedSocket {
  uint16_t local_port;
  uint16_t remote_port;
  int state;
  int timer;         ///< 0 none, 1 retransmission, 2 keepalive …, 3 TIME_WAIT
  Duration expires;  ///< time until that timer expires, in steps of the kernel's user clock, 10 ms
};
/// "port 44203 to port 9 SYN_SENT".
std::string describe(const ListedSocket& socket);

/// The IPv4 sockets with this local port in this process's network namespace, except listeners.
std::vector<ListedSocket> sockets_at_port(uint16_t port);

}  // namespace connbench::probe
