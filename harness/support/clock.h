// Time, everywhere in the project: CLOCK_MONOTONIC, in nanoseconds.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace connbench {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Duration>;

/// One clock read (the vDSO's clock_gettime: no system call where the clock source permits).
inline TimePoint now() noexcept {
  return Clock::now();
}

/// Nanoseconds since the clock's origin, which all processes share.
inline int64_t to_ns(TimePoint t) noexcept {
  return t.time_since_epoch().count();
}

/// `d` as a timespec. A negative duration becomes zero, because waits reject negative times.
inline timespec to_timespec(Duration d) noexcept {
  if (d < Duration::zero()) d = Duration::zero();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((d - seconds).count())};
}

/// An absolute CLOCK_MONOTONIC time as a timespec.
inline timespec to_timespec(TimePoint t) noexcept {
  return to_timespec(t.time_since_epoch());
}

/// Sleeps until `t`, or until a signal handler has run.
inline void sleep_until(TimePoint t) noexcept {
  const timespec until = to_timespec(t);
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

}  // namespace connbench
