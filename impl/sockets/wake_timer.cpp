#include "impl/sockets/wake_timer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

namespace connbench {

WakeTimer::WakeTimer(int epoll)
    : timer_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {
  // Edge-triggered, so that an expiry is reported once and never has to be read: setting the timer again is enough.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = tag}};
  checked(::epoll_ctl(epoll, EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
}

int WakeTimer::set(TimePoint time) noexcept {
  if (time >= set_for_) return 0;
  const itimerspec at{.it_interval = {}, .it_value = to_timespec(time)};
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) return errno;
  set_for_ = time;
  return 0;
}

}  // namespace connbench
