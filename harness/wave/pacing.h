// When attempts are due: as soon as there is room (closed loop), or at scheduled times (open loop).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "harness/support/clock.h"

namespace connbench {

/// The schedule of one wave. Call next_due() once per attempt, in order.
class Pacing {
 public:
  virtual ~Pacing() = default;
  /// True: attempts are due at next_due(), however the earlier ones fare. False: as soon as there is room in flight.
  virtual bool open_loop() const noexcept = 0;
  /// Offset of the next attempt from the start of the wave. Never decreases.
  virtual Duration next_due() = 0;
  /// The time from one attempt to the next where it is always the same, so that something else may keep step with it.
  virtual std::optional<Duration> interval() const { return std::nullopt; }
};

std::unique_ptr<Pacing> closed_loop();
/// One attempt every 1/rate seconds. Rounding does not accumulate. No attempt may be due after more than 292 years: the
/// command line keeps to a day.
std::unique_ptr<Pacing> uniform_arrivals(double rate_per_s);
/// Exponential gaps of mean 1/rate; the same seed gives the same times on every platform.
std::unique_ptr<Pacing> poisson_arrivals(double rate_per_s, uint64_t seed);

/// A rate that changes evenly from the beginning of the wave, and then stays.
struct Ramp {
  double from_per_s;
  double to_per_s;
  Duration lasts;  ///< until the rate has changed

  /// How many attempts are due until then.
  double attempts() const noexcept {
    return (from_per_s + to_per_s) / 2 * std::chrono::duration<double>(lasts).count();
  }
};
/// Evenly spaced by the rate of each moment.
std::unique_ptr<Pacing> ramp_arrivals(const Ramp& ramp);
/// `size` attempts at once, and as many again after each interval.
std::unique_ptr<Pacing> burst_arrivals(size_t size, Duration interval);

}  // namespace connbench
