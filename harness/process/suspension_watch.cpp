#include "harness/process/suspension_watch.h"

#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "harness/process/child_process.h"

namespace connbench {
namespace {

// SIGCONT also comes to a process that was not stopped. Then there is no such gap.
constexpr Duration shortest_pause = std::chrono::milliseconds(100);
// Two clocks are not read at the same moment.
constexpr Duration shortest_sleep = std::chrono::milliseconds(100);

// How long the machine has slept since it was started.
Duration asleep() noexcept {
  timespec with_sleep{}, without{};
  ::clock_gettime(CLOCK_MONOTONIC, &without);
  ::clock_gettime(CLOCK_BOOTTIME, &with_sleep);
  return std::chrono::seconds(with_sleep.tv_sec - without.tv_sec) +
         std::chrono::nanoseconds(with_sleep.tv_nsec - without.tv_nsec);
}

}  // namespace

SuspensionWatch::SuspensionWatch() : asleep_before_(asleep()) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCONT);
  continued_.reset(checked(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd"));
  checked(::sigprocmask(SIG_BLOCK, &wanted, &before_), "sigprocmask");
  stopped_children_.reserve(16);
}

SuspensionWatch::~SuspensionWatch() {
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

void SuspensionWatch::look() noexcept {
  const TimePoint time = now();
  const Duration gap = time - std::exchange(last_look_, time);
  const bool child_was_stopped = !stopped_children_.empty();
  const bool child_continued = look_at_children();
  if ((own_pause_ended() && gap >= shortest_pause) || child_was_stopped || child_continued) {
    stopped_ += gap;
    seen_.stopped += gap;
  }
  if (const Duration slept = asleep() - asleep_before_; slept >= shortest_sleep) {
    seen_.asleep += slept;
    asleep_before_ += slept;
  }
}

Suspension SuspensionWatch::take() noexcept {
  look();
  return std::exchange(seen_, {});
}

bool SuspensionWatch::own_pause_ended() noexcept {
  bool came = false;
  signalfd_siginfo info{};
  while (::read(continued_.get(), &info, sizeof info) == sizeof info) came = true;
  return came;
}

// @return one was stopped, and goes on now
bool SuspensionWatch::look_at_children() noexcept {
  bool continued = false;
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG) != 0 || info.si_pid == 0) break;
    std::erase(stopped_children_, info.si_pid);
    if (info.si_code == CLD_STOPPED)
      stopped_children_.push_back(info.si_pid);
    else
      continued = true;
  }
  std::erase_if(stopped_children_, has_ended);
  return continued;
}

}  // namespace connbench
