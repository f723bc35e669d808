#include "harness/process/stop_signal.h"

#include <sys/signalfd.h>

#include <utility>

#include "harness/process/known_state.h"

namespace connbench {

std::vector<int> stop_signals() {
  std::vector<int> signals{SIGINT, SIGTERM, SIGHUP};
  std::erase_if(signals, ignores);
  return signals;
}

StopSignal::StopSignal() : fd_(-1) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : stop_signals()) sigaddset(&wanted, signal);
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
