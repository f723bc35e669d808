// The moment from which the timestamps in the records count.
#pragma once

#include <cstdint>

namespace connbench {

/// One moment on both clocks. A recorded timestamp is CLOCK_MONOTONIC minus `monotonic_ns`.
struct Origin {
  int64_t monotonic_ns;
  int64_t realtime_ns;  ///< CLOCK_REALTIME, since 1970

  static Origin now() noexcept;
};

}  // namespace connbench
