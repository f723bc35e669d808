#include "harness/process/stop_signal.h"

#include <sys/signalfd.h>

#include <utility>

namespace connbench {

StopSignal::StopSignal() : fd_(-1) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
  fd_.reset(checked(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd"));
  checked(::sigprocmask(SIG_BLOCK, &wanted, &before_), "sigprocmask");
}

StopSignal::~StopSignal() {
  release();
}

void StopSignal::release() noexcept {
  if (!std::exchange(released_, true)) ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int StopSignal::pending() noexcept {
  signalfd_siginfo info{};
  while (signal_ == 0 && ::read(fd_.get(), &info, sizeof info) == sizeof info)
    signal_ = static_cast<int>(info.ssi_signo);
  return signal_;
}

}  // namespace connbench
