// The step of the kernel's timers that count in jiffies.
#pragma once

#include <time.h>

#include "harness/support/clock.h"

namespace connbench {

/// Asked of the coarse clock, which ticks once a jiffy.
inline Duration jiffy() noexcept {
  timespec step{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &step);
  return std::chrono::seconds(step.tv_sec) + Duration(step.tv_nsec);
}

}  // namespace connbench
