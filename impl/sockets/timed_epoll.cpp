#include "impl/sockets/timed_epoll.h"

#include <sys/timerfd.h>

namespace connbench {

TimedEpoll::TimedEpoll()
    : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      timer_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {
  // Edge-triggered: an expiry is seen once, and setting the timer again is all that it asks for.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = timer_tag}};
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
}

int TimedEpoll::control(int operation, int fd, uint64_t tag) noexcept {
  epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.u64 = tag}};
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

int TimedEpoll::wait(TimePoint wake) noexcept {
  const bool at_once = wake <= TimePoint{};
  if (!at_once)
    if (const int error = set_timer(wake); error != 0) return -error;
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), at_once ? 0 : -1);
  return count < 0 ? -errno : count;
}

// Moved only to an earlier time: firing too soon costs one turn of the loop, moving it on a system call per attempt.
int TimedEpoll::set_timer(TimePoint time) noexcept {
  if (time >= timer_set_for_) return 0;
  const itimerspec at{.it_interval = {}, .it_value = to_timespec(time)};
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) return errno;
  timer_set_for_ = time;
  return 0;
}

}  // namespace connbench
