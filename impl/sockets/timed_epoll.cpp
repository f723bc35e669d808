#include "impl/sockets/timed_epoll.h"

#include <errno.h>

namespace connbench {

TimedEpoll::TimedEpoll() : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")), timer_(epoll_.get()) {}

int TimedEpoll::control(int operation, int fd, uint64_t tag, uint32_t events) noexcept {
  epoll_event event{.events = events | EPOLLONESHOT, .data = {.u64 = tag}};
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

int TimedEpoll::wait(TimePoint wake) noexcept {
  const bool at_once = wake <= TimePoint{};
  if (!at_once)
    if (const int error = timer_.set(wake); error != 0) return -error;
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), at_once ? 0 : -1);
  return count < 0 ? -errno : count;
}

}  // namespace connbench
