// One ramp, one child process with a limit of its own: the limit ends with it, and so does all that it holds.
#pragma once

#include <optional>
#include <string>

#include "harness/connector/registry.h"
#include "harness/exhaust/limit.h"
#include "harness/exhaust/ramp.h"

namespace connbench {

/// Descriptors that the child has before the connector has any: the standard ones, and the meter's.
size_t descriptors_of_a_ramp() noexcept;

/// Everything that a child needs for one ramp.
struct RampSpec {
  const NamedConnector* connector = nullptr;
  size_t capacity = 1;  ///< what the connector is told that may be in flight
  ConnectionPolicy policy{};
  const ResourceLimit* limit = nullptr;
  bool drop_capabilities = false;  ///< the child is to have no rights that its user does not have outside
  RampPlan plan{};                 ///< all but `make`, `measure`, `on_step` and `stop`
};

/// Watches a ramp from the parent.
class RampParent {
 public:
  virtual ~RampParent() = default;
  /// Called every few milliseconds. True: end it now.
  virtual bool should_stop() = 0;
  /// A reading, in order; all but the last of a ramp that came to its end.
  virtual void on_step(const RampStep& step) = 0;
};

struct RampResult {
  RampEnd end{};
  std::optional<RampStep> last{};  ///< the reading when it stopped; nothing when it did not come so far
  std::string failure{};           ///< why the child did not end as it should; empty = it did
};

/// Runs one ramp in a child. To be called while this process has one thread.
/// @throws std::system_error when no child can be made, and what `parent` throws
RampResult run_ramp(const RampSpec& spec, RampParent& parent);

}  // namespace connbench
