// How late this machine wakes a thread that only sleeps: what the lateness of a connector is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// How late each event of a block was, in nanoseconds, sorted.
using Lateness = std::vector<int64_t>;

/// The timer slack of the calling thread while this object lives: the kernel may end its sleeps, and its waits in
/// poll(), select() and epoll_wait(), that much too late (50 µs by default), but not a timerfd or a timer's signal.
class TimerSlack {
 public:
  /// The least that a thread may have: 0 would mean the default.
  static constexpr Duration none{1};

  /// @throws std::system_error
  explicit TimerSlack(Duration slack);
  ~TimerSlack();
  TimerSlack(const TimerSlack&) = delete;
  TimerSlack& operator=(const TimerSlack&) = delete;

  static Duration of_this_thread();

 private:
  Duration before_;
};

/// Sleeps `count` times, each time until next(), without timer slack: a connector that waits for a timerfd has none,
/// and a sleep with slack would be a yardstick that is 50 µs too long.
Lateness lateness_of_sleeping(size_t count, const std::function<TimePoint()>& next);

}  // namespace connbench
