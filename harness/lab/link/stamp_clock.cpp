#include "harness/lab/link/stamp_clock.h"

#include <algorithm>
#include <cstdlib>

namespace connbench::lab {
namespace {

constexpr Duration questionable_age = std::chrono::seconds(1);
constexpr Duration is_a_step = std::chrono::milliseconds(1);

Duration wall_clock() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

}  // namespace

void StampClock::measure() noexcept {
  Duration narrowest = Duration::max();
  for (int i = 0; i < 3; ++i) {  // the thread may be preempted between two reads: keep the closest pair
    const TimePoint before = now();
    const Duration real = wall_clock();
    const Duration width = now() - before;
    if (width >= narrowest) continue;
    narrowest = width;
    distance_ = before.time_since_epoch() + width / 2 - real;
  }
}

TimePoint StampClock::to_monotonic(Duration stamp, TimePoint& present) noexcept {
  TimePoint arrived(stamp + distance_);
  if (arrived > present) present = now();
  if (arrived <= present && present - arrived < questionable_age) return arrived;
  const Duration believed = distance_;
  measure();
  if (std::chrono::abs(distance_ - believed) > is_a_step) return present;
  arrived = TimePoint(stamp + distance_);
  return std::min(arrived, present);
}

}  // namespace connbench::lab
