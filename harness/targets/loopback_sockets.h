// Sockets bound to loopback addresses, on ports that no client can get and that cannot be reached from outside.
//
// A port that a socket is bound to, whether that listens or not, is never chosen as a source port by connect()
// (net/ipv4/inet_hashtables.c, __inet_hash_connect: it skips every port that bind() has taken). So a client cannot get
// the port of a server, and no socket connects to itself, even if every port is ephemeral.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/machine/machine.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/target.h"

namespace connbench {

/// Bound sockets and the endpoint at which each is reached.
struct BoundSockets {
  std::vector<UniqueFd> sockets;
  std::vector<Endpoint> endpoints;
};

#ifndef IPPROTO_MPTCP  // since Linux 5.6; missing from older C libraries
#define IPPROTO_MPTCP 262
#endif

/// A non-blocking stream socket. @param protocol the third argument of socket(). @throws std::system_error
UniqueFd stream_socket(Family family, int protocol = 0);

/// Where to look for ports for servers.
struct PortsForServers {
  PortRange preferred;  ///< outside the ephemeral ports if there are others, because clients then keep all of those
  PortRange all;        ///< when none of the preferred ones is free
};
PortsForServers server_ports(PortRange ephemeral, uint16_t first_unprivileged = 1024);

/// Non-blocking stream sockets, bound but not yet listening. There are enough of them that each is the destination of
/// at most a quarter of the ephemeral ports when `request.open_at_once` connections are open: beyond half, the kernel's
/// search for a free port dominates. IPv4 uses many addresses of 127/8, IPv6 many ports of ::1, UNIX a single abstract
/// name.
/// @param protocol of the sockets over IP: 0 = TCP
/// @throws std::system_error
BoundSockets bind_loopback(const TargetRequest& request, int protocol = 0);

/// @throws std::system_error
void listen_on(const BoundSockets& bound, int backlog);

/// The longest accept queue that listen() grants: net.core.somaxconn; INT_MAX when it cannot be read, because the
/// kernel then shortens it.
int longest_backlog() noexcept;

}  // namespace connbench
