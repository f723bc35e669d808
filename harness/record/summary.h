// summary.csv: one row per wave. results/README.md explains every column.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/outcome.h"
#include "harness/machine/usage.h"
#include "harness/record/distributions.h"
#include "harness/record/open_loop.h"
#include "harness/record/recorded_wave.h"
#include "harness/support/statistics.h"
#include "harness/wave/case.h"

namespace connbench {

/// The response time of an attempt that did not connect.
inline constexpr int64_t never_ns = INT64_MAX;

/// A percentile that was asked for, in addition to those of summary.csv.
struct ChosenPercentile {
  double percent;
  std::optional<int64_t> connecting_ns, response_ns;  ///< as SummaryRow::connecting and SummaryRow::response
};

/// The figures of one wave. A figure that is unknown, or that the sample size cannot support, is nullopt.
struct SummaryRow {
  std::string run_id;
  Case what;
  unsigned repetition = 0;
  unsigned wave = 0;
  std::optional<int64_t> wave_started_ns;  ///< since the run's origin
  size_t attempts = 0;
  std::array<size_t, outcome_count> outcomes{};
  std::optional<int64_t> makespan_ns;
  std::optional<double> connects_per_s, completions_per_s, in_flight_mean;
  Percentiles connecting, queue;
  Percentiles overshoot;         ///< finished − started − timeout, of those that their deadline ended
  Percentiles reaped_overshoot;  ///< reaped − started − timeout, of the same
  std::optional<int64_t> added_p50_ns, added_p99_ns;
  Usage usage;
  Footprint peak;
  std::optional<uint64_t> syscalls;
  std::string rank{};  ///< of the host, or every_rank; "" = the run of one machine, whose row has no such column
  /// The following are not in summary.csv, whose columns are a contract. Tables and run.json use them.
  Percentiles response;  ///< finished − scheduled, over all attempts: how long a user waits; never_ns = did not connect
  std::vector<ChosenPercentile> chosen;
  OpenLoopAccount arrivals;
  bool failed = false;  ///< the wave's process did not end properly, or was told to end: outcomes come from that
  /// Of a fleet: one row per target, without what the process cost.
  std::vector<SummaryRow> by_target;
  /// Of a cluster: one row per host. Their concurrency is that of the whole wave, which names the case.
  std::vector<SummaryRow> by_host;

  size_t count(Outcome outcome) const { return outcomes[static_cast<size_t>(outcome)]; }
};

/// What is known of the attempts that one row describes.
struct RowAttempts {
  Tally tally;
  size_t never_offered = 0;  ///< attempts that were wanted and have no sample: they did not connect either
  QuantileOf quantile;
};

/// What is known of the attempts of a wave, wherever their samples are. Everything is asked for once.
class WaveFigures {
 public:
  virtual ~WaveFigures() = default;
  virtual RowAttempts all() = 0;
  /// @param host its position in WaveResult::hosts
  virtual RowAttempts of_host(size_t host) = 0;
  /// @param target its position in Assignment::targets
  virtual RowAttempts of_target(size_t target) = 0;
};

/// The quantiles that a row has of a figure: those of summary.csv, and those that were chosen, in percent.
std::vector<double> quantiles_of_a_row(std::span<const double> chosen);

/// Asks for no other quantiles than these.
/// @param syscalls the total of the counting wave of the same case
/// @param chosen percentiles, in percent, for SummaryRow::chosen
SummaryRow summarise(const RecordedWave& recorded, WaveFigures& figures, std::optional<uint64_t> syscalls,
                     std::span<const double> chosen);
/// The same from RecordedWave::samples.
SummaryRow summarise(const RecordedWave& recorded, std::optional<uint64_t> syscalls = std::nullopt,
                     std::span<const double> chosen = {});

/// The row of summary.csv, with its CRLF; of a fleet, the rows of its targets come before it.
std::string csv_row(const SummaryRow& row);

}  // namespace connbench
