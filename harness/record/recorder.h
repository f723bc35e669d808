// Writes the records of a run, wave by wave: if the run is killed, its folder holds what was measured until then.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/connector/registry.h"
#include "harness/machine/interference.h"
#include "harness/record/benchmark_json.h"
#include "harness/record/csv.h"
#include "harness/record/run_folder.h"
#include "harness/record/run_json.h"
#include "harness/record/samples.h"
#include "harness/record/summary.h"
#include "harness/scenarios/mix.h"
#include "harness/wave/case.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

/// A wave whose samples stay on the hosts that made them.
class DistantWave : public WaveFigures {
 public:
  /// Has every host append the rows of its own to its file, if the run keeps samples.
  /// @return how many attempts got no row because the run was told to stop
  virtual size_t append_samples(std::string_view run_id, int64_t origin_ns) = 0;
};

/// The records of one run. Used from one thread, between waves.
///
/// Every method writes before it returns. When it cannot, or when another program has removed or changed a file, it
/// throws std::system_error or std::runtime_error that names the file; what was recorded before is then still readable,
/// and run.json says `"complete": false`.
class Recorder {
 public:
  /// Claims `folder`: writes the headers, and run.json as far as it is known.
  Recorder(RunFolder folder, const RunInfo& info);

  /// A connector that will be measured.
  void connector(const NamedConnector& connector, const Capabilities& capabilities);
  /// The counting wave of a case. Its total goes into the rows of the timed waves of that case, which come later.
  void count(const WaveResult& wave, std::string_view method);
  /// A timed wave. @return its figures
  /// @param assignment of a fleet: which target each attempt had
  /// @param should_stop asked while samples are written; true leaves out the rest of them, and says so in run.json
  SummaryRow add(
      const WaveResult& wave, std::span<const Sample> samples, const Assignment* assignment = nullptr,
      const std::function<bool()>& should_stop = [] { return false; });
  /// The same of a wave whose samples are elsewhere (RunInfo::samples_on_hosts).
  SummaryRow add(const WaveResult& wave, DistantWave& distant, const Assignment* assignment = nullptr);
  void rate(const FoundRate& found);
  /// See RunJson::skip().
  void skip(const Case& what, std::string_view reason);
  void warn(std::string_view warning);
  /// The run was suspended. @param wave during which it was; nullptr = between two timed waves
  void suspended(const Suspension& seen, const WaveResult* wave);
  /// See RunJson::fitness().
  void fitness(const Interference& seen, const std::vector<std::string>& unfit);
  /// See RunJson::host().
  void host(const std::string& target, const HostAddress& address);
  /// See RunJson::cluster().
  void cluster(nlohmann::ordered_json description);
  /// The lab as it is now; replaces an earlier description.
  void lab(nlohmann::ordered_json description);
  /// The end of the run.
  /// @param complete everything planned was measured, or skipped with a reason. The record says so only if every file
  /// is in its place and on the disk
  /// @param environment_after the load of the machine now
  void finish(bool complete, nlohmann::ordered_json environment_after);

  const RunFolder& folder() const noexcept { return folder_; }

 private:
  std::optional<uint64_t> syscalls_of(const Case& what) const;
  void write(const WaveResult& wave, const SummaryRow& row, size_t omitted);
  void write_run();
  void write_benchmarks();

  RunFolder folder_;
  std::string run_id_;
  int64_t origin_ns_;
  SamplesKept kept_;
  bool open_loop_;
  std::vector<double> percentiles_;  // in percent
  RunJson run_;
  BenchmarkJson benchmarks_;
  CsvFile summary_;
  std::optional<CsvFile>
      samples_;  // absent where they are not kept here: an empty file would mean that there were no attempts
  std::vector<std::pair<Case, uint64_t>> counted_;
};

}  // namespace connbench
