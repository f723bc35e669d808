// An epoll that is waited on until a point in time.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <span>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// One-shot readiness for writing, and an absolute timerfd beside it. (The timeout of epoll_wait itself is late by the
/// timer slack of the thread.)
class TimedEpoll {
 public:
  /// @throws std::system_error
  TimedEpoll();

  /// Watches `fd`, once. `tag` is any value but UINT64_MAX. Return errno.
  int add(int fd, uint64_t tag) noexcept { return control(EPOLL_CTL_ADD, fd, tag); }
  int watch_again(int fd, uint64_t tag) noexcept { return control(EPOLL_CTL_MOD, fd, tag); }

  /// Waits at most until `wake` (a past time: not at all) and calls function(tag, events) for what is ready. May return
  /// early. Returns errno.
  template <class Function>
  int wait(TimePoint wake, Function function) {
    const int count = wait(wake);
    if (count < 0) return -count;
    for (const epoll_event& event : std::span(events_).first(static_cast<size_t>(count))) {
      if (event.data.u64 == timer_tag)
        timer_set_for_ = TimePoint::max();
      else
        function(event.data.u64, event.events);
    }
    return 0;
  }

 private:
  static constexpr uint64_t timer_tag = UINT64_MAX;
  int control(int operation, int fd, uint64_t tag) noexcept;
  int set_timer(TimePoint time) noexcept;
  int wait(TimePoint wake) noexcept;  // the number of events, or -errno

  UniqueFd epoll_;
  UniqueFd timer_;
  TimePoint timer_set_for_ = TimePoint::max();
  std::array<epoll_event, 256> events_{};
};

}  // namespace connbench
