// Sockets whose non-blocking connect() stands where it can stand.
#pragma once

#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/support/unique_fd.h"
#include "probe/surroundings.h"

namespace connbench::probe {

enum class AttemptState : uint8_t {
  pending,         ///< nobody has answered
  accepted,        ///< connected
  data_waiting,    ///< connected, and the server has sent something
  fin_received,    ///< connected, and the server has closed
  reset,           ///< connected, and the server has sent RST
  refused,         ///< RST to the SYN
  timed_out,       ///< the kernel has given up
  unreachable,     ///< a router across the link said so (ICMP)
  soft_error,      ///< the same, while connect() itself held the socket: noted, and the attempt goes on
  failed_at_once,  ///< connect() returned an errno that is not EINPROGRESS, and nobody looked at it
};
inline constexpr AttemptState all_states[] = {
    AttemptState::pending,    AttemptState::accepted,      AttemptState::data_waiting, AttemptState::fin_received,
    AttemptState::reset,      AttemptState::refused,       AttemptState::timed_out,    AttemptState::unreachable,
    AttemptState::soft_error, AttemptState::failed_at_once};

/// "accepted, data waiting".
std::string_view to_string(AttemptState state) noexcept;

/// Several sockets in one state: asking changes them, so each question wants its own.
struct Attempts {
  Endpoint to;
  int connect_error;           ///< what connect() said of all of them: 0, EINPROGRESS, …
  std::vector<UniqueFd> fds;   ///< the client's
  std::vector<UniqueFd> kept;  ///< what keeps them in their state: the other ends, a listener
};

/// Brings `count` sockets into a state, and waits until the kernel has them there; nothing of it consumes anything.
/// @throws NotTestable when that takes the lab, and there is none (unreachable, soft_error)
Attempts attempts_in(AttemptState state, size_t count, Surroundings& here);

/// Sockets in the state soft_error. For as long as they live this process stays in a network of its own, of two hosts:
/// one asks, the other is a router that says "unreachable" before connect() has let go of the socket.
Attempts soft_errors(size_t count);

}  // namespace connbench::probe
