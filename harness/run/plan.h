// From what a person asks to the waves that answer it, in the order in which they run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/run/rate_search.h"
#include "harness/scenarios/mix.h"
#include "harness/scenarios/scenario.h"
#include "harness/targets/target.h"
#include "harness/wave/wave.h"

namespace connbench {

/// Everything `connbench run` can be asked; names are resolved already.
struct RunRequest {
  std::vector<NamedConnector> connectors;
  std::vector<NamedTarget> targets;
  std::vector<Mix> mixes{};  ///< each is a fleet: cases of their own beside those of `targets`
  std::vector<Family> families{Family::ipv4};
  std::vector<size_t> concurrency;
  std::vector<Duration> timeouts;
  size_t shards = 1;
  size_t attempts = 0;
  unsigned repetitions = 1;
  std::string arrival = "closed";
  bool spin = false;                     ///< in open loop: Load::spin
  std::optional<RateGoal> find_rate{};   ///< search rates from first_rate on, instead of running waves of a plan
  double first_rate = 0;                 ///< per second; that of `arrival`
  std::optional<Duration> wave_limit{};  ///< default: default_wave_limit()
  ConnectionPolicy policy{};
  std::optional<bool> handshake{};  ///< nothing: read it of lab targets, where a percent of time does not count
  lab::Lab* lab = nullptr;          ///< the lab that this process is in
  std::string why_no_lab{};         ///< while there is none: what its targets are skipped for
  Duration external_gap{};          ///< at least this between two attempts at a host of the user's own
  uint64_t seed = 0;
  bool count_syscalls = true;
};

/// A case of the run, with what it needs.
struct PlannedCase {
  Case what;
  const NamedConnector* connector;
  const NamedTarget* target;  ///< of a fleet, the first
  Duration limit;
  ConnectionPolicy policy{};
  Capabilities capabilities{};  ///< of the connector
  const Mix* mix = nullptr;     ///< of a fleet
  std::string load{};           ///< what find_scenario() knows its scenario by

  /// One, or all of the fleet, in the order of the mix.
  std::vector<const NamedTarget*> targets() const;
  /// No attempt stays pending until somebody gives up.
  bool answers() const;
  /// Which target each attempt of a wave has; nothing when there is but one. @param seed of the run
  std::optional<Assignment> assignment(uint64_t seed, unsigned repetition) const;
};

/// A case that will not run here, and why: it appears in the table and in run.json.
struct SkippedCase {
  Case what;
  std::string reason;
};

struct PlannedWave {
  size_t which;         ///< index into Plan::cases
  unsigned repetition;  ///< from 1
};

struct Plan {
  std::vector<PlannedCase> cases;
  std::vector<SkippedCase> skipped;
  /// Repetition by repetition, the cases of each in an order of their own: drift hits all of them alike.
  std::vector<PlannedWave> waves;
  /// A rough guess, for --dry-run and for the time left.
  Duration expected{};
};

/// What a connector says of itself, or why it could not be asked.
struct CapabilitiesAnswer {
  std::optional<Capabilities> capabilities;
  std::string why_not;
};
/// Makes the connector in a child and asks it there. To be called while there is one thread.
/// @throws std::system_error when no child can be made
CapabilitiesAnswer ask_capabilities(const NamedConnector& connector, const ConnectionPolicy& policy = {});

/// 5 s + 2 × ⌈attempts / concurrency⌉ × timeout, at most a year; in open loop the time in which the attempts arrive is
/// added to it.
Duration default_wave_limit(size_t attempts, size_t concurrency, Duration timeout) noexcept;

/// The request must outlive the plan. Probes connectors, and asks for their capabilities in a child; opens nothing
/// here. To be called while there is one thread.
Plan make_plan(const RunRequest& request);

}  // namespace connbench
