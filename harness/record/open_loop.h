// Open loop, accounted for: what the schedule wanted, and what became of it in time.
#pragma once

#include <chrono>
#include <span>

#include "harness/support/clock.h"
#include "harness/wave/sample.h"

namespace connbench {

/// Started later than intended by more than this is late. Some ten times what a sleep is late here (p50 0.09–0.2 ms),
/// and less than a user notices: a constant, and in every record.
inline constexpr Duration late_bound = std::chrono::milliseconds(1);

/// Counts of one wave, or of one target of it.
struct OpenLoopAccount {
  size_t offered = 0;    ///< became due before the wave ended
  size_t started = 0;    ///< of those, made a first system call
  size_t completed = 0;  ///< of those, ended by themselves, however: neither cancelled, nor lost with their process
  size_t late = 0;       ///< offered, and started more than late_bound after they were due, or never
};

OpenLoopAccount account(std::span<const Sample> samples) noexcept;

}  // namespace connbench
