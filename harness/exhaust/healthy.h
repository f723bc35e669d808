// Healthy attempts beside the dead ones: one after the other, through the same connector.
#pragma once

#include <functional>
#include <vector>

#include "harness/exhaust/ramp.h"

namespace connbench {

class HealthyAttempts {
 public:
  /// Takes what a connector has completed, waiting at most until then, and gives all of it to take().
  using Reap = std::function<void(TimePoint)>;

  /// @param plan outlives it
  HealthyAttempts(const RampPlan& plan, Reap reap);

  /// Tries until `wanted` are connected, or until `until`; after one that is not, some time passes. One that has not
  /// ended by then is gone on with next time.
  void run(Connector& connector, size_t wanted, TimePoint until);
  /// False: the completion is that of another attempt.
  bool take(const Completion& completion);
  /// The one that waits went with its connector.
  void forget() noexcept { waits_ = false; }

  /// Of the last run: how many were offered, how long each that connected took since then (ns), when the first did.
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
  bool waits_ = false;  // the newest has not ended
  bool connected_ = false;
  TimePoint offered_{};
  TimePoint finished_{};
  TimePoint first_through_{};
  uint64_t tried_ = 0;
  std::vector<int64_t> latencies_;
};

}  // namespace connbench
