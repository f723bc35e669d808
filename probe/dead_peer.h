// Peers that are gone: one that hears nothing any more, and one that has forgotten the connection.
#pragma once

#include "harness/support/unique_fd.h"

namespace connbench::probe {

/// From here on this socket receives nothing: whatever arrives for it is dropped before TCP sees it, by a filter that
/// accepts no byte. For its peer it is a host whose cable was pulled. Some kernels
/// want a right for it. @throws NotTestable
void make_deaf(int fd);

/// Closes a socket without a word: its kernel knows nothing of the connection afterwards, as after a reboot. Wants
/// CAP_NET_ADMIN over the network namespace. @throws std::system_error
void forget(UniqueFd socket);

}  // namespace connbench::probe
