#include "impl/begin_connect.h"

#include <sys/socket.h>

namespace connbench {

Begun begin_connect(const Attempt& attempt) noexcept {
  const Endpoint& to = attempt.endpoints.front();
  Begun begun{UniqueFd(-1), now(), {.call = Call::socket, .family = to.family()}};
  begun.fd.reset(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!begun.fd) {
    begun.evidence.error = errno;
    return begun;
  }
  begun.evidence.call = Call::connect;
  if (::connect(begun.fd.get(), to.address(), to.size()) != 0) begun.evidence.error = errno;
  return begun;
}

Evidence end_connect(int fd, sa_family_t family) noexcept {
  Evidence evidence{.call = Call::so_error, .family = family};
  socklen_t size = sizeof evidence.error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &evidence.error, &size) != 0) evidence.error = errno;
  return evidence;
}

}  // namespace connbench
