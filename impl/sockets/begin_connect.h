// The two ends of every connection attempt: opening a socket and calling connect(), and asking how it went.
#pragma once

#include <sys/socket.h>

#include "harness/connector/connector.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/source_port.h"

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
Begun begin_connect(const Attempt& attempt, SourcePort& port) noexcept;

/// After readiness: SO_ERROR, read once (reading consumes it).
Evidence end_connect(int fd, sa_family_t family) noexcept;

/// Whether the handshake goes on, whatever readiness and SO_ERROR say: there is no peer yet. An error wakes those who
/// wait before SO_ERROR has it (ICMP: the kernel fills the error queue first), and select() cannot tell it from
/// success.
bool still_connecting(int fd) noexcept;

/// What every beginning is made of: a socket, its source port, and `connect`, which is given the descriptor and returns
/// evidence; again with a new socket while `port` asks for it.
template <class Connect>
Evidence open_and_connect(UniqueFd& fd, const Endpoint& to, int flags, SourcePort& port, Connect connect) noexcept {
  for (size_t tries = 1;; ++tries) {
    fd.reset(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!fd) return {.call = Call::socket, .error = errno, .family = to.family()};
    if (const Evidence prepared = port.prepare(fd.get(), to.family()); prepared.error != 0) return prepared;
    const Evidence evidence = connect(fd.get());
    if (!port.should_try_another(evidence, tries)) return evidence;
  }
}

}  // namespace connbench
