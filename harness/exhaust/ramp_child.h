// Runs a ramp in a child process with its own limit, which disappears with the child, as does everything the child
// holds.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "harness/connector/registry.h"
#include "harness/exhaust/limit.h"
#include "harness/exhaust/ramp.h"

namespace connbench {

/// Descriptors the child has open before the connector opens any: the standard ones and the meter's.
size_t descriptors_of_a_ramp() noexcept;

/// Everything a child needs for one ramp.
struct RampSpec {
  const NamedConnector* connector = nullptr;
  size_t capacity = 1;  ///< the number of attempts in flight that the connector must support
  ConnectionPolicy policy{};
  const ResourceLimit* limit = nullptr;
  /// Runs the ramp instead of this process, and enters the limit itself: of a connector that is a program. Empty = by
  /// ramp(), in this process.
  std::function<void(const RampPlan&, RampEnd&)> elsewhere{};
  bool drop_capabilities = false;  ///< drop capabilities that the user does not have outside
  RampPlan plan{};                 ///< everything except `make`, `measure`, `on_step` and `stop`
};

/// The parent's view of a ramp.
class RampParent {
 public:
  virtual ~RampParent() = default;
  /// Called every few milliseconds. Return true to end the ramp now.
  virtual bool should_stop() = 0;
  /// For how long the run has been suspended so far. A ramp gets this time in addition to its limit.
  virtual Duration suspended() { return {}; }
  /// Called for each measurement, in order, except the last one of a ramp that completed.
  virtual void on_step(const RampStep& step) = 0;
};

struct RampResult {
  RampEnd end{};
  std::optional<RampStep> last{};  ///< the measurement when the ramp stopped; nullopt when it did not get that far
  std::string failure{};           ///< why the child did not end normally; empty = it did
};

/// Runs one ramp in a child. Call this while the process has a single thread.
/// @throws std::system_error when no child can be created, and whatever `parent` throws
RampResult run_ramp(const RampSpec& spec, RampParent& parent);

}  // namespace connbench
