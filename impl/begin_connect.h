// The two ends of every connection attempt: opening a socket and calling connect(), and asking how it went.
#pragma once

#include "harness/connector.h"
#include "harness/unique_fd.h"

namespace connbench {

/// A socket on which connect() has been called once.
struct Begun {
  UniqueFd fd;        ///< -1 when socket() failed
  TimePoint started;  ///< just before socket()
  Evidence evidence;  ///< of the last call; error 0 = connected at once

  /// connect() has returned and the handshake goes on. EINTR does not end one; a UNIX socket has none.
  bool pending() const noexcept {
    return evidence.call == Call::connect &&
           (evidence.error == EINPROGRESS || (evidence.error == EINTR && evidence.family != AF_UNIX));
  }
};

/// Non-blocking socket, connect(). Never throws: the evidence says what happened.
Begun begin_connect(const Attempt& attempt) noexcept;

/// After readiness: SO_ERROR, read once (reading consumes it).
Evidence end_connect(int fd, sa_family_t family) noexcept;

}  // namespace connbench
