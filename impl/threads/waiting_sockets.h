// For libraries that go on waiting after EINTR: the cancelling signal also shuts down the sockets of the thread that it
// interrupts.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "impl/threads/interrupting_signal.h"

namespace connbench {

/// The sockets with which the calling thread waits, plus 1; 0 is a free place. There are enough for one call of a
/// library: curl races two addresses at a time. A socket without a place is not shut down.
inline constinit thread_local std::array<std::atomic<int>, 8> waiting_sockets{};

inline void add_waiting_socket(int fd) noexcept {
  for (auto& place : waiting_sockets) {
    if (place.load(std::memory_order_relaxed) != 0) continue;
    place.store(fd + 1, std::memory_order_relaxed);
    return;
  }
}

/// Call it before the socket is closed: its number may be that of another thread's socket then.
inline void remove_waiting_socket(int fd) noexcept {
  for (auto& place : waiting_sockets)
    if (place.load(std::memory_order_relaxed) == fd + 1) place.store(0, std::memory_order_relaxed);
}

/// Call it before a library is used: it may have closed sockets that it told nobody about.
inline void forget_waiting_sockets() noexcept {
  for (auto& place : waiting_sockets) place.store(0, std::memory_order_relaxed);
}

/// An interrupting handler that also shuts down the waiting sockets of the thread.
/// @throws std::system_error
inline void install_ending_handler(int signal) {
  install_interrupting_handler(signal, [](int) {
    const int saved = errno;
    for (const auto& place : waiting_sockets)
      if (const int fd = place.load(std::memory_order_relaxed) - 1; fd >= 0) ::shutdown(fd, SHUT_RDWR);
    errno = saved;
  });
}

/// Whether shutdown() may have ended a connect() that gave `error`. It ends a handshake with ECONNRESET. One that comes
/// before connect() makes the socket ready while it connects, which libraries take for success.
inline bool was_shut_down(int error, int fd) noexcept {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return error == ECONNRESET || (error == 0 && ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0);
}

}  // namespace connbench
