#include "impl/sockets/begin_connect.h"

namespace connbench {

Begun begin_connect(const Attempt& attempt, SocketSetup& setup) noexcept {
  const Endpoint& to = attempt.endpoints.front();
  Begun begun{UniqueFd(-1), now(), {}};
  begun.evidence = open_and_connect(begun.fd, to, SOCK_NONBLOCK, setup, [&to](int fd) -> Evidence {
    const int error = ::connect(fd, to.address(), to.size()) == 0 ? 0 : errno;
    return {.call = Call::connect, .error = error, .family = to.family()};
  });
  return begun;
}

Evidence end_connect(int fd, sa_family_t family) noexcept {
  Evidence evidence{.call = Call::so_error, .family = family};
  socklen_t size = sizeof evidence.error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &evidence.error, &size) != 0) evidence.error = errno;
  return evidence;
}

bool still_connecting(int fd) noexcept {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 && errno == ENOTCONN;
}

}  // namespace connbench
