// When attempts are due: at once (closed loop), or at times of their own (open loop).
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string_view>

#include "harness/support/clock.h"

namespace connbench {

/// The schedule of one wave. Asked for attempts 0, 1, 2 … in order.
class Pacing {
 public:
  virtual ~Pacing() = default;
  /// True: an attempt is due at due(), however the earlier ones fare. False: as soon as one in flight has ended.
  virtual bool open_loop() const noexcept = 0;
  /// Offset of the next attempt from the start of the wave; never decreasing.
  virtual Duration next_due() = 0;
};

std::unique_ptr<Pacing> closed_loop();
/// One attempt every 1/rate seconds, without accumulated rounding.
std::unique_ptr<Pacing> uniform_arrivals(double rate_per_s);
/// Exponential gaps of mean 1/rate; the same seed gives the same times on every platform.
std::unique_ptr<Pacing> poisson_arrivals(double rate_per_s, uint64_t seed);

}  // namespace connbench
