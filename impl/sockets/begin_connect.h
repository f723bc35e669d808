// The beginning and the end of every connection attempt: socket() and connect(), and finding out how it went.
#pragma once

#include <errno.h>
#include <sys/socket.h>

#include <cstddef>

#include "harness/connector/connector.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/socket_setup.h"

namespace connbench {

/// A socket on which connect() has been called once.
struct Begun {
  UniqueFd fd;        ///< -1 when socket() failed
  TimePoint started;  ///< just before socket()
  Evidence evidence;  ///< from the last call; error 0 = connected at once

  /// connect() has returned and the handshake continues. EINTR does not end it; a UNIX socket has no handshake.
  bool pending() const noexcept {
    return evidence.call == Call::connect &&
           (evidence.error == EINPROGRESS || (evidence.error == EINTR && evidence.family != AF_UNIX));
  }
};

/// Opens a non-blocking socket and calls connect(). Never throws: the evidence says what happened.
Begun begin_connect(const Attempt& attempt, SocketSetup& setup) noexcept;

/// To be called when the socket is ready: reads SO_ERROR once, since reading clears it.
Evidence end_connect(int fd, sa_family_t family) noexcept;

/// Whether the handshake continues, even if the socket is ready and SO_ERROR is 0: the socket has no peer yet. An ICMP
/// error wakes waiting threads before SO_ERROR is set (the kernel fills the error queue first), and select() cannot
/// tell that from success.
bool still_connecting(int fd) noexcept;

/// Opens a socket, prepares it and calls `connect` with the descriptor, which returns evidence. Repeats all of it with
/// a new socket as long as `setup` asks for another try.
template <class Connect>
Evidence open_and_connect(UniqueFd& fd, const Endpoint& to, int flags, SocketSetup& setup, Connect connect) noexcept {
  for (size_t tries = 1;; ++tries) {
    fd.reset(setup.open(to.family(), SOCK_CLOEXEC | flags));
    if (!fd) return {.call = Call::socket, .error = errno, .family = to.family()};
    if (const Evidence prepared = setup.prepare(fd.get(), to.family()); prepared.error != 0) return prepared;
    const Evidence evidence = connect(fd.get());
    if (!setup.should_try_another(evidence, tries)) return evidence;
  }
}

}  // namespace connbench
