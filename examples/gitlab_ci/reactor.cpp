#include "reactor.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

Reactor::Reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

Reactor::~Reactor() {
  ::close(epoll_);
}

int Reactor::watch(int fd, uint32_t tag) {
  epoll_event event{.events = EPOLLOUT, .data = {.u32 = tag}};
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void Reactor::forget(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

Reactor::Ready Reactor::wait(std::chrono::nanoseconds at_most) {
  std::array<epoll_event, 64> events;
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::max(at_most, at_most.zero())).count();
  const int count =
      ::epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(std::min(milliseconds, 60'000L)));
  Ready ready{.error = count < 0 ? errno : 0, .events = {}, .count = 0};
  for (int i = 0; i < count; ++i)
    ready.events[ready.count++] = {events[i].data.u32, (events[i].events & EPOLLOUT) != 0};
  return ready;
}
