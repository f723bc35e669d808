// Signals whose only effect is that a blocking system call returns with EINTR.
#pragma once

#include <signal.h>

#include "harness/support/unique_fd.h"

namespace connbench {

/// Which carriers end a blocked call with. (SIGRTMIN is a call, not a constant: libc keeps the first ones for itself.)
inline int cancelling_signal() noexcept {
  return SIGRTMIN;
}
/// Which a thread's timer sends at its deadline: another one, so that a trace tells them apart.
inline int deadline_signal() noexcept {
  return SIGRTMIN + 1;
}

/// No SA_RESTART. The disposition belongs to the whole process; installing it again changes nothing.
/// @throws std::system_error
inline void install_interrupting_handler(int signal) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  checked(::sigaction(signal, &action, nullptr), "sigaction");
}

}  // namespace connbench
