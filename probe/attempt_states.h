// Creates sockets in each state that a non-blocking connect() can be in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/support/unique_fd.h"
#include "probe/surroundings.h"

namespace connbench::probe {

enum class AttemptState : uint8_t {
  pending,       ///< no answer yet
  accepted,      ///< connected
  data_waiting,  ///< connected, and the server has sent something
  fin_received,  ///< connected, and the server has closed
  reset,         ///< connected, and the server has sent RST
  refused,       ///< RST to the SYN
  timed_out,     ///< the kernel has given up
  unreachable,   ///< a router across the link reported it (ICMP)
  soft_error,    ///< the same, while connect() itself held the socket: the error is recorded and the attempt continues
  fast_open,     ///< TCP Fast Open with a cookie: connect() has returned 0, and no SYN has left
  failed_at_once,  ///< connect() failed with an errno other than EINPROGRESS, which the program ignored
};
inline constexpr AttemptState all_states[] = {
    AttemptState::pending,    AttemptState::accepted,  AttemptState::data_waiting,  AttemptState::fin_received,
    AttemptState::reset,      AttemptState::refused,   AttemptState::timed_out,     AttemptState::unreachable,
    AttemptState::soft_error, AttemptState::fast_open, AttemptState::failed_at_once};

/// "accepted, data waiting".
std::string_view to_string(AttemptState state) noexcept;

/// Several sockets in one state. A query can change a socket, so each query uses its own.
struct Attempts {
  Endpoint to;
  int connect_error;           ///< what connect() returned for all of them: 0, EINPROGRESS, …
  std::vector<UniqueFd> fds;   ///< the client's
  std::vector<UniqueFd> kept;  ///< what keeps them in this state: the other ends, a listener
};

/// Creates `count` sockets and waits until the kernel has them in `state`, without consuming anything.
/// @throws NotTestable for states that need the lab (unreachable, soft_error, fast_open) when there is none
Attempts attempts_in(AttemptState state, size_t count, Surroundings& here);

/// Creates sockets in the state soft_error. Moves this process, for good, into a network of its own with two hosts: a
/// client, and a router that reports "unreachable" before connect() has released the socket.
Attempts soft_errors(size_t count);

}  // namespace connbench::probe
