// Waits for a child to stop or end.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench::trace {

/// Blocks SIGCHLD while it lives, so that it can be waited for. Create it while the process has a single thread.
class ChildSignal {
 public:
  ChildSignal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_.reset(checked(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
  }
  ~ChildSignal() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;

  /// The signal mask before, for children to restore.
  const sigset_t& before() const noexcept { return before_; }
  /// Waits until a child has stopped or ended, for at most `bound`.
  void wait(Duration bound) {
    pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    const timespec time = to_timespec(bound);
    signalfd_siginfo info{};
    if (::ppoll(&readable, 1, &time, nullptr) > 0) [[maybe_unused]]
      const ssize_t got = ::read(fd_.get(), &info, sizeof info);
  }

 private:
  sigset_t before_{};
  UniqueFd fd_{-1};
};

}  // namespace connbench::trace
