// Simulates peers that are gone: one that no longer receives anything, and one that has forgotten the connection.
#pragma once

#include "harness/support/unique_fd.h"

namespace connbench::probe {

/// Makes a socket receive nothing from now on: a filter drops every packet before TCP sees it. To its peer, the host
/// looks as if its cable had been pulled. Some kernels require a privilege.
/// @throws NotTestable
void make_deaf(int fd);

/// Closes a socket without sending anything: its kernel forgets the connection, as after a reboot. Needs CAP_NET_ADMIN
/// over the network namespace.
/// @throws std::system_error
void forget(UniqueFd socket);

}  // namespace connbench::probe
