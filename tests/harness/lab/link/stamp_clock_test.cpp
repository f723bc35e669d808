#include "harness/lab/link/stamp_clock.h"

#include <gtest/gtest.h>

namespace connbench::lab {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

Duration wall_clock() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

TEST(StampClock, PlacesATimestampBetweenTheReadsAroundIt) {
  StampClock clock;
  for (int i = 0; i < 1000; ++i) {
    const TimePoint before = now();
    const Duration stamp = wall_clock();
    TimePoint present = now();
    const TimePoint arrived = clock.to_monotonic(stamp, present);
    EXPECT_GE(arrived, before - milliseconds(1));
    EXPECT_LE(arrived, present);
  }
}

TEST(StampClock, ReadsTheClockAgainForATimestampAfterThePresent) {
  StampClock clock;
  const TimePoint old = now() - milliseconds(100);
  TimePoint present = old;
  const TimePoint arrived = clock.to_monotonic(wall_clock(), present);
  EXPECT_GT(present, old);
  EXPECT_GT(arrived, old);
}

TEST(StampClock, AcceptsAnOldTimestampButNoneInTheFuture) {
  StampClock clock;
  TimePoint present = now();
  EXPECT_LE(clock.to_monotonic(wall_clock() - hours(1), present), present - milliseconds(3'599'000));
  EXPECT_EQ(clock.to_monotonic(wall_clock() + hours(1), present), present);
}

}  // namespace
}  // namespace connbench::lab
