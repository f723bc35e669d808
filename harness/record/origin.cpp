#include "harness/record/origin.h"

#include <chrono>

#include "harness/support/clock.h"

namespace connbench {

Origin Origin::now() noexcept {
  const auto before = to_ns(connbench::now());
  const auto realtime = std::chrono::system_clock::now().time_since_epoch();
  const auto after = to_ns(connbench::now());
  return {before + (after - before) / 2, std::chrono::duration_cast<Duration>(realtime).count()};
}

}  // namespace connbench
