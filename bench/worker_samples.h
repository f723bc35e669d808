// What a worker keeps of the samples that it makes, in a run of a cluster whose samples stay on the hosts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/run_options.h"
#include "cluster/wave_json.h"
#include "harness/record/csv.h"
#include "harness/record/distributions.h"
#include "harness/record/run_folder.h"
#include "harness/wave/share.h"

namespace connbench {

class WorkerSamples {
 public:
  /// Claims the folder of the records on this host, unless no rows are wanted. What is referred to must outlive this.
  /// @param order the conductor's "keep" @throws as RunFolder does
  WorkerSamples(const cluster::Json& order, const RunOptions& options, const WaveShare& share);

  /// Where the rows will be; "" = none are wanted.
  std::string file() const;
  /// A wave is about to begin: frees what the last one has left.
  void forget();
  /// The wave has ended.
  void take(std::unique_ptr<SampleBuffer> samples, const WaveResult& result, const PlannedCase& planned);

  /// The answers to the questions of cluster::KeptWave about this wave, in this order: "figures" and "up_to".
  cluster::Json figures(const cluster::Json& order);
  cluster::Json up_to(const cluster::Json& order) const;
  /// The answer to "rows", which are written. @throws std::system_error that names the file
  cluster::Json append_rows(const cluster::Json& order, const std::function<bool()>& should_stop);
  /// Waits until the disk has the rows. @throws as CsvFile::finish() does
  void finish();

 private:
  RecordedWave recorded(std::string_view run_id = "", int64_t origin_ns = 0) const;
  void move_to_clock_of_rank0(int64_t offset_ns);
  cluster::Json own_quantiles(const std::vector<double>& wanted) const;

  const RunOptions& options_;
  WaveShare share_;
  unsigned rank_;
  std::optional<RunFolder> folder_{};
  std::string name_;
  std::optional<CsvFile> rows_{};  // from the first wave on: a run that is refused leaves no file
  // Of the last wave:
  std::unique_ptr<SampleBuffer> samples_{};
  WaveResult wave_{};
  std::optional<Assignment> assignment_{};
  std::vector<std::shared_ptr<Distributions>> groups_{};  // of the whole wave, then of each target of a fleet
};

}  // namespace connbench
