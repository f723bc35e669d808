// The ramps of one run of `connbench exhaust`: planning and running them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/exhaust_options.h"
#include "bench/exhaust_watch.h"
#include "harness/lab/lab.h"
#include "harness/machine/interference.h"
#include "harness/targets/target.h"

namespace connbench {

/// The network that the ramps use.
struct Environment {
  lab::Lab* lab = nullptr;  ///< nullptr = the machine's own loopback
  std::string why_no_lab{};

  std::string_view dead_target() const { return lab == nullptr ? "backlog-full" : "blackhole"; }
  std::string describe(Family family) const;
};

/// One ramp, or why it cannot be run.
struct PlannedRamp {
  const NamedConnector* connector;
  std::string skipped{};
  Capabilities capabilities{};
  size_t capacity = 0;
};

/// Probes the connectors, and asks for their capabilities in a child. Call it while there is one thread.
std::vector<PlannedRamp> plan_ramps(const ExhaustOptions& options);

class Ramps {
 public:
  /// Opens the targets and prepares the limit. All arguments outlive it. Make it while there is one thread.
  /// @throws std::system_error
  Ramps(const ExhaustOptions& options, ResourceLimit& limit, const Environment& environment,
        ExhaustionRecorder& recorder, StopSignal& stop);

  /// Runs one repetition after another, each in an order of its own. Ends early when there is a reason to stop.
  /// @throws std::system_error when a child cannot be made, or a record cannot be written
  void run(const std::vector<PlannedRamp>& ramps);
  void warn(std::string warning);

  const std::vector<Verdict>& verdicts() const { return verdicts_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Why this machine was not fit to measure, in words; empty when it was.
  const std::vector<std::string>& unfit() const { return unfit_; }
  RampWatch& watch() { return watch_; }
  /// The processes that have died and that the ramps need, with the reasons that servers gave; "" = none.
  std::string died();

 private:
  std::unique_ptr<Target> open(std::string_view name, size_t at_once);
  RampName name_of(const PlannedRamp& planned, unsigned repetition) const;
  RampPlan plan_for(const Capabilities& capabilities) const;
  Case case_of(const RampName& name) const;
  void skip(const PlannedRamp& planned);
  void one(const PlannedRamp& planned, unsigned repetition);
  void wait_for_the_sockets_of_others(std::string_view connector);
  std::function<void(const RampPlan&, RampEnd&)> elsewhere(const NamedConnector& connector) const;
  void conclude(const RampName& name, RampResult result);

  const ExhaustOptions& options_;
  ResourceLimit& limit_;
  const Environment& environment_;
  ExhaustionRecorder& recorder_;
  RampWatch watch_;
  std::unique_ptr<Target> dead_;
  std::unique_ptr<Target> healthy_;
  int64_t sockets_of_our_own_;  // those of the targets
  std::vector<Verdict> verdicts_;
  std::vector<std::string> warnings_;
  InterferenceWatch interference_;
  std::vector<std::string> unfit_;
};

}  // namespace connbench
