// Sockets bound to loopback addresses, on ports that no client can get and that cannot be reached from outside.
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

/// A non-blocking stream socket. @throws std::system_error
UniqueFd stream_socket(Family family);

/// Ports for servers: outside `ephemeral`, so that no client gets one as its source port and no socket connects to
/// itself.
/// @throws std::system_error when there are none
PortRange server_ports(PortRange ephemeral);

/// Non-blocking stream sockets, bound but not yet listening. There are enough of them that each is the destination of
/// at most a quarter of the ephemeral ports when `request.open_at_once` connections are open: beyond half, the kernel's
/// search for a free port dominates. IPv4 uses many addresses of 127/8, IPv6 many ports of ::1, UNIX a single abstract
/// name.
/// @throws std::system_error
BoundSockets bind_loopback(const TargetRequest& request);

/// @throws std::system_error
void listen_on(const BoundSockets& bound, int backlog);

/// The longest accept queue that listen() grants: net.core.somaxconn. @throws std::system_error
int longest_backlog();

}  // namespace connbench
