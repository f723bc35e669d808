// Signals whose only effect is to make a blocking system call return with EINTR.
#pragma once

#include <signal.h>
#include <unistd.h>

#include "harness/support/unique_fd.h"

#ifndef sigev_notify_thread_id  // glibc has the field, but no name for it before 2.38
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace connbench {

/// Sent by executors to cancel a blocking call. (Not a constant: libc reserves the first real-time signals.)
inline int cancelling_signal() noexcept {
  return SIGRTMIN;
}
/// Sent by a thread's timer at its deadline. It differs from the cancelling signal so that a trace tells them apart.
inline int deadline_signal() noexcept {
  return SIGRTMIN + 1;
}

inline void only_interrupt(int /*signal*/) {}

/// Installs a handler without SA_RESTART, by default an empty one. The disposition belongs to the whole process;
/// installing it again changes nothing.
/// @throws std::system_error
inline void install_interrupting_handler(int signal, void (*handler)(int) = only_interrupt) {
  struct sigaction action {};
  action.sa_handler = handler;
  checked(::sigaction(signal, &action, nullptr), "sigaction");
}

/// What timer_create() needs to send `signal` to the calling thread.
inline sigevent signal_to_this_thread(int signal) noexcept {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event.sigev_notify_thread_id = ::gettid();
  return event;
}

}  // namespace connbench
