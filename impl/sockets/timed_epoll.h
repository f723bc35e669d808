// An epoll that can be waited on until a point in time.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/wake_timer.h"

namespace connbench {

/// Reports each watched descriptor once when it becomes ready: writable, unless other events are asked for.
class TimedEpoll {
 public:
  /// @throws std::system_error
  TimedEpoll();

  /// Watches `fd` for one event. `tag` is any value but WakeTimer::tag. Returns errno, 0 = done.
  int add(int fd, uint64_t tag, uint32_t events = EPOLLOUT) noexcept { return control(EPOLL_CTL_ADD, fd, tag, events); }
  int watch_again(int fd, uint64_t tag, uint32_t events = EPOLLOUT) noexcept {
    return control(EPOLL_CTL_MOD, fd, tag, events);
  }

  /// Waits at most until `wake` (a past time: not at all) and calls function(tag, events) for each ready descriptor.
  /// May return early. Returns errno, 0 = none.
  template <class Function>
  int wait(TimePoint wake, Function function) {
    const int count = wait(wake);
    if (count < 0) return -count;
    for (const epoll_event& event : std::span(events_).first(static_cast<size_t>(count))) {
      if (event.data.u64 == WakeTimer::tag)
        timer_.on_expiry();
      else
        function(event.data.u64, event.events);
    }
    return 0;
  }

 private:
  int control(int operation, int fd, uint64_t tag, uint32_t events) noexcept;
  int wait(TimePoint wake) noexcept;  // the number of events, or -errno

  UniqueFd epoll_;
  WakeTimer timer_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace connbench
