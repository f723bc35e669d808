// Healthy attempts, one after the other, through the connector that also holds the dead ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "harness/exhaust/ramp.h"

namespace connbench {

class HealthyAttempts {
 public:
  /// Reaps the connector's completions, waiting at most until the given time, and passes each to take().
  using Reap = std::function<void(TimePoint)>;

  /// @param plan must outlive it
  HealthyAttempts(const RampPlan& plan, Reap reap);

  /// Tries until `wanted` attempts have connected or until `until`, pausing briefly after each failure. An attempt
  /// still pending at `until` is continued by the next call.
  void run(Connector& connector, size_t wanted, TimePoint until);
  /// Handles the completion of a healthy attempt; returns false for any other.
  bool take(const Completion& completion);
  /// The pending attempt is gone with its connector.
  void forget() noexcept { waits_ = false; }

  /// About the last run: the number of attempts offered, the time from offer to completion of each that connected (ns),
  /// and when the first of those completed.
  uint64_t tried() const noexcept { return tried_; }
  std::vector<int64_t>& latencies() noexcept { return latencies_; }
  TimePoint first_through() const noexcept { return first_through_; }

 private:
  bool one(Connector& connector, TimePoint until);
  bool offer(Connector& connector);
  bool asked() const noexcept;

  const RampPlan& plan_;
  Reap reap_;
  uint64_t id_;
  bool waits_ = false;  // the newest attempt is pending
  bool connected_ = false;
  TimePoint offered_{};
  TimePoint finished_{};
  TimePoint first_through_{};
  uint64_t tried_ = 0;
  std::vector<int64_t> latencies_;
};

}  // namespace connbench
