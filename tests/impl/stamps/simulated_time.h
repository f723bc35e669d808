// Time that passes only in waits and in the calls that cost something. Clocks and waits of this program are replaced by
// the linker (--wrap), so that what is tested is compiled as it is measured.
#pragma once

#include "harness/support/clock.h"

namespace connbench {

/// While it exists, the clock stands still except as stated here: a wait ends exactly when it should, and a sleep ends
/// later by the thread's timer slack, which is the most that the kernel may add. One at a time.
class SimulatedTime {
 public:
  struct Costs {
    Duration close{};    ///< of each close()
    Duration request{};  ///< of each request that is sent to an io_uring
  };
  explicit SimulatedTime(const Costs& costs);
  ~SimulatedTime();
  SimulatedTime(const SimulatedTime&) = delete;
  SimulatedTime& operator=(const SimulatedTime&) = delete;
};

}  // namespace connbench
