// The kernel stamps packets by the wall clock; the link keeps its times by one that nobody sets.
#pragma once

#include "harness/support/clock.h"

namespace connbench::lab {

/// Converts CLOCK_REALTIME to CLOCK_MONOTONIC by their distance, which changes only when the wall clock is set.
class StampClock {
 public:
  StampClock() noexcept { measure(); }

  /// Measures the distance anew. Should be called every now and then: a step of less than a second is noticed in no
  /// other way, when it makes stamps look older than they are.
  void measure() noexcept;

  /// When a packet stamped `stamp` arrived; `present` when the wall clock was set since then and nobody can say.
  /// `present` is read anew when it lies before that.
  TimePoint to_monotonic(Duration stamp, TimePoint& present) noexcept;

 private:
  Duration distance_{};  // monotonic - real
};

}  // namespace connbench::lab
