// Makes system calls fail on purpose. The program is linked with -Wl,--wrap=<name> for each of them.
#pragma once

#include <cstddef>

namespace connbench {

/// What can fail. setsockopt() fails only for options that bound connect(), getsockopt() only for SO_ERROR.
enum class Function {
  socket,
  connect,  ///< with EINTR the TCP handshake still begins, as in the kernel
  setsockopt,
  getsockopt,
  epoll_ctl,
  epoll_wait,
  epoll_event,  ///< not a failure: writable sockets are reported with EPOLLERR only
  no_event,     ///< not a failure: epoll, ppoll() and select() report an error for a socket that has none
  select,
  ppoll,
  pthread_create,
  timerfd_settime,
  timer_create,
  timer_settime,
  io_uring_enter,  ///< when it submits, or submits and waits; then nothing is submitted
};
inline constexpr size_t function_count = 15;
const char* name_of(Function function);

/// During its lifetime, every `every`-th call of `function` fails with `error`, at most `at_most` times. There may be
/// only one Fault per function at a time.
class Fault {
 public:
  Fault(Function function, int error, unsigned every = 1, unsigned at_most = 1'000'000);
  ~Fault();
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  unsigned calls() const;     ///< number of calls so far
  unsigned injected() const;  ///< number of calls that were made to fail

 private:
  Function function_;
};

}  // namespace connbench
