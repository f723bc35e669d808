// The moment from which the records count.
#pragma once

#include <cstdint>

namespace connbench {

/// One moment in both clocks: what is written as `_ns` is CLOCK_MONOTONIC less `monotonic_ns`.
struct Origin {
  int64_t monotonic_ns;
  int64_t realtime_ns;  ///< CLOCK_REALTIME, since 1970

  static Origin now() noexcept;
};

}  // namespace connbench
