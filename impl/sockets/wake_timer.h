// An absolute timer that ends a wait in epoll.
#pragma once

#include <cstdint>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// A timerfd in an epoll. It is used instead of the timeout of epoll_wait(), which is late by the thread's timer slack.
class WakeTimer {
 public:
  /// What epoll_wait() reports as the timer's data when it has expired.
  static constexpr uint64_t tag = UINT64_MAX;

  /// Adds the timer to `epoll`. @throws std::system_error
  explicit WakeTimer(int epoll);

  /// Makes the timer expire at `time`, unless it already expires earlier: an early wake-up costs one iteration,
  /// while postponing the timer would cost a system call per attempt. Returns errno, 0 = done.
  int set(TimePoint time) noexcept;

  /// To be called when epoll_wait() has reported `tag`.
  void on_expiry() noexcept { set_for_ = TimePoint::max(); }

 private:
  UniqueFd timer_;
  TimePoint set_for_ = TimePoint::max();
};

}  // namespace connbench
