// Waiting for a child that stops or ends.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench::trace {

/// While it lives, SIGCHLD is kept for waiting. To be made while the process has one thread.
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

  /// What was blocked before: for children.
  const sigset_t& before() const noexcept { return before_; }
  /// Until a child has stopped or ended, at most so long.
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
