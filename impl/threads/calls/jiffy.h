// The resolution of kernel timers that count in jiffies.
#pragma once

#include <time.h>

#include "harness/support/clock.h"

namespace connbench {

/// Read from the coarse clock, which ticks once per jiffy.
inline Duration jiffy() noexcept {
  timespec step{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &step);
  return std::chrono::seconds(step.tv_sec) + Duration(step.tv_nsec);
}

}  // namespace connbench
