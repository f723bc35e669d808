// Plain system calls for tests, independent of the code under test. Every wait is bounded.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <string>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/target.h"

namespace connbench::plain {

inline constexpr int patience_ms = 10'000;  ///< for what must happen: only a defect takes longer
inline constexpr Duration patience = std::chrono::milliseconds(patience_ms);

/// False where there is no ::1.
inline bool machine_has(Family family) {
  if (family != Family::ipv6) return true;
  const UniqueFd socket(::socket(AF_INET6, SOCK_STREAM, 0));
  const Endpoint any_port = Endpoint::ipv6(in6addr_loopback, 0);
  return socket && ::bind(socket.get(), any_port.address(), any_port.size()) == 0;
}

/// Whether this machine can open the target. The hosts of dual-stack need ::1 whatever the family.
inline bool machine_has(const TargetEntry& target, Family family) {
  return machine_has(target.name == "dual-stack" ? Family::ipv6 : family);
}

/// Waits for readability, an error or the end of a process (pidfd).
inline bool ready_within(const UniqueFd& fd, int milliseconds, short events = POLLIN) {
  pollfd polled{.fd = fd.get(), .events = events, .revents = 0};
  return ::poll(&polled, 1, milliseconds) > 0;
}

/// A socket after connect(); `error` is its errno, 0 = connected.
struct Connection {
  UniqueFd socket;
  int error;
};

inline Connection connect_to(const Endpoint& to, int flags = 0) {
  UniqueFd socket(checked(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket"));
  const timeval limit{.tv_sec = patience_ms / 1000, .tv_usec = 0};
  checked(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "setsockopt");
  checked(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "setsockopt");
  const int error = ::connect(socket.get(), to.address(), to.size()) < 0 ? errno : 0;
  return {std::move(socket), error};
}

/// Up to 256 bytes from recv() as text; `error` is its errno. No text and no error: the peer has closed.
struct Received {
  std::string text;
  int error;
  bool operator==(const Received&) const = default;
};
inline const Received end_of_stream{"", 0};

inline Received receive(const UniqueFd& socket) {
  char bytes[256];
  const ssize_t got = ::recv(socket.get(), bytes, sizeof bytes, 0);
  if (got < 0) return {"", errno};
  return {std::string(bytes, static_cast<size_t>(got)), 0};
}

inline UniqueFd watch_process(pid_t pid) {
  return UniqueFd(checked(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
}

}  // namespace connbench::plain
