// System calls that fail by a plan. The program is linked with -Wl,--wrap=<name> for each of them.
#pragma once

#include <cstddef>

namespace connbench {

/// What can be made to fail: setsockopt() only as one that bounds connect(), getsockopt() only as SO_ERROR.
enum class Function {
  socket,
  connect,  ///< with EINTR on TCP the handshake begins all the same, as it does in the kernel
  setsockopt,
  getsockopt,
  epoll_ctl,
  epoll_wait,
  epoll_event,  ///< no failure: what is writable is reported as EPOLLERR alone
  no_event,     ///< no failure either: epoll, ppoll() and select() report an error alone, of a socket that has none
  select,
  ppoll,
  pthread_create,
  timerfd_settime,
  timer_create,
  timer_settime,
  io_uring_enter,  ///< where it submits, or submits and waits; nothing is submitted then
};
inline constexpr size_t function_count = 15;
const char* name_of(Function function);

/// While it lives, every `every`-th call of `function` fails with `error`, `at_most` times. One at a time per function.
class Fault {
 public:
  Fault(Function function, int error, unsigned every = 1, unsigned at_most = 1'000'000);
  ~Fault();
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  unsigned calls() const;     ///< how many there were
  unsigned injected() const;  ///< how many of them have failed

 private:
  Function function_;
};

}  // namespace connbench
