// run.json: what was run, on which machine, and what could not be measured. results/README.md explains every key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/connector/endpoint.h"
#include "harness/connector/registry.h"
#include "harness/machine/interference.h"
#include "harness/process/suspension_watch.h"
#include "harness/record/csv.h"
#include "harness/record/origin.h"
#include "harness/record/samples.h"
#include "harness/record/summary.h"
#include "harness/support/clock.h"
#include "harness/targets/target.h"
#include "harness/wave/case.h"
#include "harness/wave/wave.h"

namespace connbench {

/// What is known about a run when it begins.
struct RunInfo {
  std::string run_id;
  std::vector<std::string> command_line;
  uint64_t seed = 0;
  std::string network = "host";
  unsigned repetitions = 1;
  Duration usual_timeout{};  ///< benchmark names mention only timeouts that differ from it
  SamplesKept samples = SamplesKept::all;
  Compression compression = Compression::none;  ///< of the samples
  std::string arrival = "closed";
  std::vector<double> percentiles{};  ///< in percent, in addition to those of summary.csv
  bool cluster = false;               ///< several hosts took part: the tables have rank_column
  bool samples_on_hosts = false;      ///< each of them keeps its own: there is no samples.csv beside run.json
  bool spin = false;
  bool spin_server = false;
  std::optional<size_t> addresses{};
  std::shared_ptr<const nlohmann::ordered_json> settings{};  ///< what was asked for; nullptr: no such key
  Origin origin{};
  std::shared_ptr<const nlohmann::ordered_json> environment{};  ///< nullptr: {}
};

/// What --find-rate found for one case.
struct FoundRate {
  Case what;
  std::string goal;
  unsigned waves_per_rate = 1;
  double tolerance = 0;                  ///< how far apart `held` and `not_held` may be, as a share
  std::optional<double> held, not_held;  ///< per second; nullopt: no rate was seen to hold, or not to hold
  size_t waves = 0;
  std::string failure;  ///< what ended the search early; "" = nothing did
};

/// The document, in memory.
class RunJson {
 public:
  explicit RunJson(const RunInfo& info);
  ~RunJson();
  RunJson(RunJson&&) noexcept;

  /// A connector that the run measures. Of several calls with one name the last counts.
  void connector(const NamedConnector& connector, const Capabilities& capabilities);
  /// A case that was asked for and that this machine cannot measure. @param remedy "" when none is known
  void skip(const Case& what, std::string_view reason, std::string_view remedy = "");
  void warn(std::string_view warning);
  /// What a wave showed of the program that made its attempts; after connector().
  void program(const WaveResult& wave);
  /// The run was suspended. @param during what: the keys that name the wave or ramp; empty = neither
  void suspended(const Suspension& seen, nlohmann::ordered_json during);
  /// The keys that name a wave.
  static nlohmann::ordered_json name_of(const WaveResult& wave);
  /// A wave whose child process crashed, hung or threw.
  /// @param samples_omitted attempts of the wave that have no row in samples.csv, because the run was told to stop
  void fail(const WaveResult& wave, size_t samples_omitted = 0);
  /// The account of an open-loop wave, and of each target of a fleet.
  void arrivals(const SummaryRow& row);
  /// The percentiles of a wave that were asked for, and of each target of a fleet.
  void percentiles(const SummaryRow& row);
  void rate(const FoundRate& found);
  /// A counting wave. @param method how its system calls were counted
  void count(const WaveResult& wave, std::string_view method);
  /// What was taken from the run, and why the machine was not fit to measure.
  void fitness(const Interference& seen, const std::vector<std::string>& unfit);
  /// A host outside, and its addresses in a case of one family.
  void host(const std::string& target, const HostAddress& address);
  /// The lab, if there is one: described at the beginning, and again at the end.
  void lab(nlohmann::ordered_json description);
  /// The cluster's hosts, as they are now; replaces an earlier description. Only its runs have this key.
  void cluster(nlohmann::ordered_json description);
  /// What `connbench exhaust` was to run out of. Only its runs have this key.
  void exhaustion(nlohmann::ordered_json description);
  /// A ramp that came to its end; after exhaustion().
  void ramp(nlohmann::ordered_json description);
  /// What changes during a run (load, steal), read again at its end.
  void environment_after(nlohmann::ordered_json environment);

  std::string text(bool complete) const;

 private:
  std::unique_ptr<nlohmann::ordered_json> document_;  // only declared here: the full type is slow to compile
};

}  // namespace connbench
