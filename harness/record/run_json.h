// run.json: what a run was, on what machine, and what it could not do. results/README.md says what each key means.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/record/origin.h"
#include "harness/record/samples.h"
#include "harness/record/summary.h"
#include "harness/wave/wave.h"

namespace connbench {

/// What is known of a run when it begins.
struct RunInfo {
  std::string run_id;
  std::vector<std::string> command_line;
  uint64_t seed = 0;
  std::string network = "host";
  unsigned repetitions = 1;
  Duration usual_timeout{};  ///< benchmark names say only timeouts that differ from it
  SamplesKept samples = SamplesKept::all;
  std::string arrival = "closed";
  bool spin = false;
  Origin origin{};
  nlohmann::ordered_json environment = nlohmann::ordered_json::object();
};

/// What --find-rate found of one case.
struct FoundRate {
  Case what;
  std::string goal;
  unsigned waves_per_rate = 1;
  double tolerance = 0;                  ///< how far apart `held` and `not_held` may be, as a share
  std::optional<double> held, not_held;  ///< per second; nullopt: no rate was seen to hold, or not to hold
  size_t waves = 0;
  std::string failure;  ///< that ended the search; "" = none did
};

/// The document, in memory.
class RunJson {
 public:
  explicit RunJson(const RunInfo& info);

  /// A connector that the run measures. Of several calls with one name the last counts.
  void connector(const std::string& name, const Capabilities& capabilities);
  /// A case that was asked for and that this machine cannot measure. @param remedy "" when none is known
  void skip(const Case& what, std::string_view reason, std::string_view remedy = "");
  void warn(std::string_view warning);
  /// A wave whose child did not end as it should.
  void fail(const WaveResult& wave);
  /// A wave in open loop, and each target of a fleet: what was offered, and what became of it in time.
  void arrivals(const SummaryRow& row);
  void rate(const FoundRate& found);
  /// A counting wave, and how it counted.
  void count(const WaveResult& wave, std::string_view method);
  /// The lab, when there is one: at the beginning, and again at the end.
  void lab(nlohmann::ordered_json description);
  /// What `connbench exhaust` was to run out of; only its runs have the key.
  void exhaustion(nlohmann::ordered_json description);
  /// What changes while a run goes on (load, steal), read again at its end.
  void environment_after(nlohmann::ordered_json environment);

  std::string text(bool complete) const;

 private:
  nlohmann::ordered_json document_;
};

}  // namespace connbench
