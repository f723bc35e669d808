// Sockets bound to this machine's loopback addresses, where no client can get their port and nobody outside reach them.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/machine/machine.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/target.h"

namespace connbench {

/// Bound sockets, and where each of them is reached.
struct BoundSockets {
  std::vector<UniqueFd> sockets;
  std::vector<Endpoint> endpoints;
};

/// Non-blocking. @throws std::system_error
UniqueFd stream_socket(Family family);

/// Ports for servers: outside `ephemeral`, so that no client gets one as its source port and none meets itself.
/// @throws std::system_error when there are none
PortRange server_ports(PortRange ephemeral);

/// Non-blocking stream sockets, bound and not yet listening: as many as `request.open_at_once` needs for each to be the
/// destination of at most a quarter of the ephemeral ports (past half of them the kernel's search for a free one
/// dominates). IPv4 over many addresses of 127/8, IPv6 over many ports of ::1, UNIX a single abstract name.
/// @throws std::system_error
BoundSockets bind_loopback(const TargetRequest& request);

/// @throws std::system_error
void listen_on(const BoundSockets& bound, int backlog);

/// The longest accept queue that listen() grants: net.core.somaxconn. @throws std::system_error
int longest_backlog();

}  // namespace connbench
