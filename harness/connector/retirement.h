// What happens to a socket once its attempt is over: the same for every connector, in the thread that made the socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// How a connection is closed.
enum class CloseMode : uint8_t {
  rst,  ///< SO_LINGER 0: no TIME_WAIT, and the port is free at once
  fin,  ///< close(): TIME_WAIT on this side
  hold  ///< stays open until the wave ends
};
/// The names of all modes, as OptionSpec::choices.
inline constexpr std::string_view close_modes = "rst|fin|hold";
std::string_view to_string(CloseMode mode) noexcept;
/// @throws std::invalid_argument for anything that is not in `close_modes`
CloseMode parse_close_mode(std::string_view name);

struct ConnectionPolicy {
  CloseMode close = CloseMode::rst;
  bool handshake = false;         ///< read TCP_INFO of every attempt (about 2 % of a loopback connect)
  bool may_self_connect = false;  ///< the destination is a local ephemeral port: check for self-connection
  bool local_port = false;        ///< read the local port of every attempt (getsockname(), one more system call)
  bool protocol = false;          ///< the sockets may fall back to TCP: read whether they did, once connected

  /// Whether a socket must be given to Retirement. The connector may close any other itself: by SO_LINGER 0 and close()
  /// when it is connected and the mode is `rst`, else by close(). For sockets without a descriptor (io_uring).
  constexpr bool needs_descriptor(bool connected) const noexcept {
    return handshake || local_port || (connected && (may_self_connect || protocol || close == CloseMode::hold));
  }
};

/// Closes sockets by one policy. Thread-safe: thread connectors retire a socket in the thread that connected it.
class Retirement {
 public:
  /// Reserves room for `expected` connections when the policy holds them.
  Retirement(ConnectionPolicy policy, size_t expected);

  /// Call it after stamping `completion.finished`. Fills in `completion.handshake`, changes `connected` to
  /// `self_connected` where it applies, and ends the socket: a connection by the policy, anything else by close().
  void retire(UniqueFd fd, Completion& completion) noexcept;

  /// The same, except close(), for a descriptor that a library owns and closes right afterwards. A connection is held
  /// by a duplicate descriptor. When none is left for that, the library's close() ends the connection.
  void retire_before_close(int fd, Completion& completion) noexcept;

  const ConnectionPolicy& policy() const noexcept { return policy_; }

 private:
  /// Does everything but close or hold the socket. @return whether to hold it
  bool prepare(int fd, Completion& completion) const noexcept;
  void hold(UniqueFd fd) noexcept;

  ConnectionPolicy policy_;
  std::mutex mutex_;  // taken only to hold a connection
  std::vector<UniqueFd> held_;
};

/// TCP_INFO of `fd`. `known` is false for anything but a TCP socket.
Handshake read_handshake(int fd) noexcept;
/// The port of an IP socket; 0 when it has none.
uint16_t read_local_port(int fd) noexcept;
/// What a socket that was opened for MPTCP and is connected speaks.
Protocol read_protocol(int fd) noexcept;

}  // namespace connbench
