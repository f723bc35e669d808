// What happens to a socket once its attempt is over: the same for every connector, and where the socket was made.
#pragma once

#include <mutex>
#include <string_view>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// How an open connection is ended.
enum class CloseMode : uint8_t {
  rst,  ///< SO_LINGER 0: no TIME_WAIT, the port is free at once
  fin,  ///< close(): TIME_WAIT on this side
  hold  ///< kept open until the wave ends
};
std::string_view to_string(CloseMode mode) noexcept;

struct ConnectionPolicy {
  CloseMode close = CloseMode::rst;
  bool handshake = false;         ///< read TCP_INFO of every attempt (about 2 % of a loopback connect)
  bool may_self_connect = false;  ///< the destination is local and its port ephemeral: look whether a socket met itself

  /// Whether a socket has to be handed to Retirement. One that does not may be ended where it is: what is connected and
  /// `rst` by SO_LINGER 0 and close(), anything else by close(). For sockets without a descriptor (io_uring).
  constexpr bool needs_descriptor(bool connected) const noexcept {
    return handshake || (connected && (may_self_connect || close == CloseMode::hold));
  }
};

/// Ends sockets by one policy. Thread-safe: thread connectors retire in the thread that connected.
class Retirement {
 public:
  /// `expected` connections are made room for when they are to be held.
  Retirement(ConnectionPolicy policy, size_t expected);

  /// To be called after `completion.finished` is stamped. Fills in `completion.handshake`, turns `connected` into
  /// `self_connected` where that is so, and disposes of the socket: a connection by the policy, anything else by
  /// close().
  void retire(UniqueFd fd, Completion& completion) noexcept;

  /// The same for a descriptor that a library owns and closes right afterwards: all but the close(). A connection that
  /// is to be held is held by a duplicate; when there is no descriptor left for it, it ends with the library's.
  void retire_before_close(int fd, Completion& completion) noexcept;

  const ConnectionPolicy& policy() const noexcept { return policy_; }

 private:
  /// All but to close or hold it; true = it is to be held.
  bool prepare(int fd, Completion& completion) const noexcept;
  void hold(UniqueFd fd) noexcept;

  ConnectionPolicy policy_;
  std::mutex mutex_;  // taken only to hold a connection
  std::vector<UniqueFd> held_;
};

/// TCP_INFO of `fd`; `known` is false for anything but a TCP socket.
Handshake read_handshake(int fd) noexcept;

}  // namespace connbench
