// Accounts for an open-loop wave: what its schedule offered, and what became of it in time.
#pragma once

#include <chrono>
#include <cstddef>

#include "harness/support/clock.h"
#include "harness/wave/sample.h"

namespace connbench {

/// An attempt that starts more than this after it was due is late. The bound is about ten times how late a sleep wakes
/// up (p50 0.09–0.2 ms), and less than a user notices. It is a constant, and every record states it.
inline constexpr Duration late_bound = std::chrono::milliseconds(1);

/// Counts of one wave, or of one target of it.
struct OpenLoopAccount {
  size_t offered = 0;  ///< became due before the wave ended
  size_t started = 0;  ///< of those: made a first system call
  size_t completed =
      0;            ///< of those: ended on their own, with any outcome; neither cancelled nor lost with their process
  size_t late = 0;  ///< offered, but started more than late_bound after they were due, or never

  void add(const Sample& sample) noexcept;
  void add(const OpenLoopAccount& other) noexcept;
};

}  // namespace connbench
