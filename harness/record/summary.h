// summary.csv: one row a wave. results/README.md says what each column means.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/outcome.h"
#include "harness/record/open_loop.h"
#include "harness/scenarios/mix.h"
#include "harness/support/statistics.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

/// The response time of an attempt that did not connect.
inline constexpr int64_t never_ns = INT64_MAX;

/// The figures of one wave. What is not known, or what the sample size cannot support, is missing.
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
  Percentiles connecting, queue, overshoot;
  std::optional<int64_t> added_p50_ns, added_p99_ns;
  Usage usage;
  Footprint peak;
  std::optional<uint64_t> syscalls;
  /// No columns of summary.csv, whose columns are a contract: for tables, and for run.json.
  Percentiles response;  ///< finished − scheduled, of all attempts: what a user waits; never_ns where none connects
  OpenLoopAccount arrivals;
  /// Of a fleet: one row per target. They do not have what the process cost.
  std::vector<SummaryRow> by_target;

  size_t count(Outcome outcome) const { return outcomes[static_cast<size_t>(outcome)]; }
};

/// @param origin_ns CLOCK_MONOTONIC at the run's origin
/// @param syscalls the total of the counting wave of the same case
SummaryRow summarise(std::string_view run_id, int64_t origin_ns, const WaveResult& wave,
                     std::span<const Sample> samples, std::optional<uint64_t> syscalls = std::nullopt);

/// The same of a fleet: one row for the wave, and in it one for each target.
SummaryRow summarise(std::string_view run_id, int64_t origin_ns, const WaveResult& wave,
                     std::span<const Sample> samples, const Assignment& assignment,
                     std::optional<uint64_t> syscalls = std::nullopt);

/// The row as it stands in summary.csv, with its end; of a fleet, its targets' rows are before it.
std::string csv_row(const SummaryRow& row);

}  // namespace connbench
