#include "impl/loops/detect.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "impl/sockets/begin_connect.h"

namespace connbench {
namespace {

// An error of 0 without writability means that SO_ERROR is not set yet: ICMP wakes waiting threads a moment earlier.
std::optional<Evidence> ask_so_error(int fd, sa_family_t family, bool writable) noexcept {
  const Evidence evidence = end_connect(fd, family);
  if (evidence.error == 0 && !writable && still_connecting(fd)) return std::nullopt;
  return evidence;
}

std::optional<Evidence> ask_getpeername(int fd, sa_family_t family, bool writable) noexcept {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0)
    return Evidence{.call = Call::so_error, .family = family};
  return ask_so_error(fd, family, writable && errno != ENOTCONN);  // the reason, if it is known yet
}

// connect() returns 0 on the first call after the handshake and EISCONN from then on. After a failure, one more call
// would begin a new attempt.
std::optional<Evidence> ask_reconnect(int fd, const Endpoint& to) noexcept {
  Evidence evidence{.call = Call::so_error, .family = to.family()};
  if (::connect(fd, to.address(), to.size()) == 0 || errno == EISCONN) return evidence;
  if (errno == EALREADY) return std::nullopt;
  evidence.error = errno;
  return evidence;
}

Evidence ask_zero_read(int fd, sa_family_t family) noexcept {
  char nothing = 0;
  return {.call = Call::so_error, .error = ::read(fd, &nothing, 0) == 0 ? 0 : errno, .family = family};
}

Evidence ask_recv(int fd, sa_family_t family) noexcept {
  char byte = 0;
  const ssize_t size = ::recv(fd, &byte, 1, MSG_DONTWAIT);
  return {.call = Call::so_error, .error = size >= 0 || errno == EAGAIN ? 0 : errno, .family = family};
}

}  // namespace

Detect detect_of(const Options& options) {
  if (!options.knows("detect")) return Detect::so_error;
  const std::string_view choice = options.choice("detect");
  if (choice == "getpeername") return Detect::getpeername;
  if (choice == "reconnect") return Detect::reconnect;
  if (choice == "zero-read") return Detect::zero_read;
  if (choice == "recv") return Detect::recv;
  return Detect::so_error;
}

std::optional<Evidence> ask(Detect detect, int fd, const Endpoint& to, bool writable) noexcept {
  switch (detect) {
    case Detect::so_error:
      return ask_so_error(fd, to.family(), writable);
    case Detect::getpeername:
      return ask_getpeername(fd, to.family(), writable);
    case Detect::reconnect:
      return ask_reconnect(fd, to);
    case Detect::zero_read:
      return ask_zero_read(fd, to.family());
    case Detect::recv:
      return ask_recv(fd, to.family());
  }
  return std::nullopt;
}

}  // namespace connbench
