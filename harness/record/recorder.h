// Writes everything that a run leaves, wave by wave: whenever the run is killed, its folder tells what was measured so
// far.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/record/benchmark_json.h"
#include "harness/record/csv.h"
#include "harness/record/run_folder.h"
#include "harness/record/run_json.h"
#include "harness/record/samples.h"
#include "harness/record/summary.h"

namespace connbench {

/// The records of one run. Used from one thread, between waves.
///
/// Every method writes before it returns, and throws std::system_error that names the file when it cannot; what was
/// recorded before is then still readable, and run.json says `"complete": false`.
class Recorder {
 public:
  /// Claims `folder`: the headers, and run.json as far as it is known.
  Recorder(RunFolder folder, const RunInfo& info);

  /// A connector that will be measured.
  void connector(const std::string& name, const Capabilities& capabilities);
  /// The counting wave of a case: its total goes into the rows of the case's timed waves, which come after it.
  void count(const WaveResult& wave, std::string_view method);
  /// A timed wave. Gives its figures.
  /// @param assignment of a fleet: which target each attempt had
  SummaryRow add(const WaveResult& wave, std::span<const Sample> samples, const Assignment* assignment = nullptr);
  void rate(const FoundRate& found);
  /// See RunJson::skip().
  void skip(const Case& what, std::string_view reason);
  void warn(std::string_view warning);
  /// As it is now.
  void lab(nlohmann::ordered_json description);
  /// The end of the run; `complete`: everything that was planned was measured or skipped with a reason.
  void finish(bool complete, nlohmann::ordered_json environment_after = nlohmann::ordered_json::object());

  const RunFolder& folder() const noexcept { return folder_; }

 private:
  std::optional<uint64_t> syscalls_of(const Case& what) const;
  void write_run(bool complete = false) const;
  void write_benchmarks() const;

  RunFolder folder_;
  std::string run_id_;
  int64_t origin_ns_;
  SamplesKept kept_;
  bool open_loop_;
  RunJson run_;
  BenchmarkJson benchmarks_;
  CsvFile summary_;
  std::optional<CsvFile> samples_;  // not with SamplesKept::none: an empty file would say that there were no attempts
  std::vector<std::pair<Case, uint64_t>> counted_;
};

}  // namespace connbench
