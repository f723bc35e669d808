// Turns a request into the cases to be measured and their waves, in the order in which they run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/connector/endpoint.h"
#include "harness/connector/registry.h"
#include "harness/connector/retirement.h"
#include "harness/run/rate_search.h"
#include "harness/scenarios/mix.h"
#include "harness/support/clock.h"
#include "harness/targets/served_elsewhere.h"
#include "harness/targets/target.h"
#include "harness/wave/case.h"

namespace connbench {

/// Everything that `connbench run` can be asked for, with names already resolved.
struct RunRequest {
  std::vector<NamedConnector> connectors;
  std::vector<NamedTarget> targets;
  std::vector<Mix> mixes{};  ///< fleets; each gives cases of its own, in addition to those of `targets`
  std::vector<Family> families{Family::ipv4};
  std::vector<size_t> concurrency;
  std::vector<Duration> timeouts;
  size_t shards = 1;
  size_t attempts = 0;
  unsigned repetitions = 1;
  std::string arrival = "closed";
  std::vector<std::string> more_arrivals{};  ///< each of them gives cases of its own, in addition to those of `arrival`
  std::optional<Duration> duration{};        ///< attempts begin for this time; `attempts` is not used then
  std::vector<double> percentiles{};         ///< in percent, beyond those of the records
  bool spin = false;                         ///< in an open loop: do not sleep just before an attempt is due
  bool spin_server = false;                  ///< servers that accept never sleep
  std::optional<size_t> addresses{};         ///< how many each target has, if not as many as the ports demand
  std::optional<RateGoal>
      find_rate{};        ///< search for rates from first_rate on, instead of running the waves of the plan
  double first_rate = 0;  ///< attempts per second, as in `arrival`
  std::optional<Duration> wave_limit{};  ///< default: default_wave_limit()
  ConnectionPolicy policy{};
  std::optional<bool>
      handshake{};  ///< nullopt: read TCP_INFO for lab targets only, where its cost of a percent does not matter
  lab::Lab* lab = nullptr;   ///< the lab that this process is in
  std::string why_no_lab{};  ///< if there is none: the reason for which its targets are skipped
  Duration external_gap{};   ///< the least time between two attempts to connect to an external host
  uint64_t seed = 0;
  bool count_syscalls = true;
  /// In a cluster:
  size_t hosts = 1;                         ///< that divide each wave between them
  bool agreed_begin = false;                ///< its waves begin at an instant on which the hosts agree
  const ServedElsewhere* served = nullptr;  ///< the targets, where other hosts serve them; else nullptr
};

/// All loads of a request, in the order in which they were given.
std::vector<std::string> arrivals_of(const RunRequest& request);
/// How many attempts a wave has with one of them; with a duration in closed loop, how many it has room for.
size_t attempts_of(const RunRequest& request, const std::string& arrival);

/// A case of the run, with everything that its waves need.
struct PlannedCase {
  Case what;
  const NamedConnector* connector;
  const NamedTarget* target;  ///< of a fleet, the first of its mix
  Duration limit;             ///< of a wave; attempts that are then in flight are cancelled
  ConnectionPolicy policy{};
  Capabilities capabilities{};  ///< of the connector
  const Mix* mix = nullptr;     ///< of a fleet; otherwise nullptr
  std::string load{};           ///< what find_scenario() finds its scenario by
  Duration lasts{};             ///< attempts begin for this time, and what.attempts is only room; zero = there is none
  Duration expected{};          ///< rough guess of how long one wave takes, for the time left

  /// Its target, or all targets of the fleet in the order of the mix.
  std::vector<const NamedTarget*> targets() const;
  /// Whether all its targets answer: then no attempt stays pending until it is given up.
  bool answers() const;
  /// Which target each attempt of a wave connects to; nullopt unless it is a fleet. @param seed of the run
  std::optional<Assignment> assignment(uint64_t seed, unsigned repetition) const;
};

/// A case that cannot run here, and why. It appears in the table and in run.json.
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
  /// Repetition by repetition, each with the cases in a random order of its own, so that drift affects all alike.
  std::vector<PlannedWave> waves;
  /// A rough guess of how long the run takes, for --dry-run and for the time left.
  Duration expected{};
};

/// The capabilities of a connector, or the reason why it could not be made.
struct CapabilitiesAnswer {
  std::optional<Capabilities> capabilities;
  std::string why_not;  ///< "" when there are capabilities
};
/// Makes the connector in a child process and asks it there. Call this while the process has one thread.
/// @throws std::system_error when no child can be made
CapabilitiesAnswer ask_capabilities(const NamedConnector& connector, const ConnectionPolicy& policy = {});

/// 5 s + 2 × ⌈attempts / concurrency⌉ × timeout, at most a year. In an open loop, the time in which the attempts arrive
/// comes on top.
Duration default_wave_limit(size_t attempts, size_t concurrency, Duration timeout) noexcept;

/// Why a case cannot run; nullopt when it can, and then its capabilities are filled in.
using CaseJudge = std::function<std::optional<std::string>(PlannedCase&)>;
/// Judges on this machine: probes the connectors, asks for their capabilities and opens the targets on trial, in child
/// processes. Nothing stays open in this process. Call it, and what it returns, while the process has one thread. The
/// request must outlive what it returns.
CaseJudge judge_here(const RunRequest& request);

/// The plan of a run whose cases `judge` knows, in the order in which it is asked about them. Nothing is tried here.
/// The request must outlive the plan.
Plan make_plan(const RunRequest& request, const CaseJudge& judge);

/// The plan of a run on this machine. The request must outlive it.
Plan make_plan(const RunRequest& request);

}  // namespace connbench
