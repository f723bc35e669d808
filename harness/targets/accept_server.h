// The server behind every target that accepts, made to cost little: its CPU time competes with the client's.
#pragma once

#include <memory>
#include <span>

#include "harness/targets/loopback_sockets.h"
#include "harness/targets/target.h"

namespace connbench {

enum class AfterAccept : uint8_t {
  hold,   ///< keep the connection until the peer closes it
  greet,  ///< send one line first, then hold
  close   ///< at once: a FIN, or an RST where the listener has SO_LINGER with no time (accepted sockets inherit it)
};

/// Accepts on `listeners` (non-blocking) for ever. When descriptors run out, the connection held longest is closed.
/// @throws std::system_error when it cannot begin
[[noreturn]] void serve_accepting(std::span<const int> listeners, AfterAccept then);

/// Listens on `bound` with the longest backlog, and serves it from a process of its own. @throws std::system_error
std::unique_ptr<Target> accept_on(BoundSockets bound, const TargetRequest& request, AfterAccept then);

}  // namespace connbench
