// The server behind every target that accepts. It must be cheap, because its CPU time competes with the client's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "harness/targets/loopback_sockets.h"
#include "harness/targets/target.h"

namespace connbench {

enum class AfterAccept : uint8_t {
  hold,   ///< keep the connection until the peer closes it
  greet,  ///< send one line, then hold
  close   ///< close at once: sends a FIN, or an RST when the listener has SO_LINGER with zero timeout (accepted sockets
          ///< inherit it)
};

enum class WhenIdle : uint8_t {
  sleep,  ///< until a connection comes; the client's connect() then has to wake the server
  spin    ///< never: keeps a processor busy
};

/// Accepts on `listeners` (non-blocking) forever. When descriptors run out, it closes the oldest connection.
/// @throws std::system_error when it cannot start
[[noreturn]] void serve_accepting(std::span<const int> listeners, AfterAccept then, WhenIdle idle = WhenIdle::sleep);

/// Listens on `bound` with the longest backlog and serves it from a separate process. @throws std::system_error
std::unique_ptr<Target> accept_on(BoundSockets bound, const TargetRequest& request, AfterAccept then);

}  // namespace connbench
