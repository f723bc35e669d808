// Converts the kernel's packet timestamps, which follow the wall clock, to the monotonic clock that the link uses.
#pragma once

#include "harness/support/clock.h"

namespace connbench::lab {

/// Converts CLOCK_REALTIME to CLOCK_MONOTONIC by their offset, which changes only when the wall clock is set.
class StampClock {
 public:
  StampClock() noexcept { measure(); }

  /// Measures the offset again. Call this regularly: it is the only way to notice a step of less than a second that
  /// makes timestamps look too old.
  void measure() noexcept;

  /// When a packet with timestamp `stamp` arrived. Returns `present` when the wall clock was set since then, because
  /// the arrival time is then unknown. Updates `present` when the packet arrived after it.
  TimePoint to_monotonic(Duration stamp, TimePoint& present) noexcept;

 private:
  Duration distance_{};  // monotonic − real
};

}  // namespace connbench::lab
