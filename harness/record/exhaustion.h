// The records of `connbench exhaust`: exhaustion.csv and its part of run.json. results/README.md explains every column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "harness/connector/connector.h"
#include "harness/connector/registry.h"
#include "harness/exhaust/ramp.h"
#include "harness/record/csv.h"
#include "harness/record/run_folder.h"
#include "harness/record/run_json.h"
#include "harness/wave/case.h"

namespace connbench {

/// The columns that all rows of one ramp share.
struct RampName {
  std::string connector{};
  std::string resource{};
  std::string limit_kind{};
  uint64_t limit = 0;
  unsigned repetition = 1;
};

/// The column `stopped_call`: the call that failed, "full", "time", or "" when nothing stopped the ramp.
std::string_view stopped_call(const RampEnd& end) noexcept;

/// One row, with its CRLF. @param end for the last row of a ramp only; otherwise nullptr
std::string csv_row(std::string_view run_id, const RampName& name, size_t number, const RampStep& step,
                    const RampEnd* end);

/// The records of one run. Every method writes before it returns, and throws std::system_error that names the file when
/// it cannot.
class ExhaustionRecorder {
 public:
  /// @param chosen the key "exhaustion" of run.json, except its ramps
  ExhaustionRecorder(RunFolder folder, const RunInfo& info, nlohmann::ordered_json chosen);

  /// A connector that will be measured.
  void connector(const NamedConnector& connector, const Capabilities& capabilities);
  void step(const RampName& name, const RampStep& step);
  /// The last step of a ramp, and its outcome.
  void end(const RampName& name, const RampStep& last, const RampEnd& end);
  /// A ramp whose child process crashed, hung or threw.
  void fail(const Case& what, unsigned repetition, std::string_view failure);
  /// See RunJson::skip().
  void skip(const Case& what, std::string_view reason);
  void warn(std::string_view warning);
  /// The run was suspended during this ramp.
  void suspended(const Suspension& seen, const RampName& name);
  /// See RunJson::fitness().
  void fitness(const Interference& seen, const std::vector<std::string>& unfit);
  void lab(nlohmann::ordered_json description);
  void finish(bool complete, nlohmann::ordered_json environment_after);

  const RunFolder& folder() const noexcept { return folder_; }

 private:
  void write_run();
  size_t number_of(const RampName& name);

  RunFolder folder_;
  std::string run_id_;
  RunJson run_;
  CsvFile file_;
  RampName current_{};
  size_t steps_ = 0;  // of the current ramp
};

}  // namespace connbench
