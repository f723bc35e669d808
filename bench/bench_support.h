// What the Google Benchmark programs share.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/targets/target.h"
#include "harness/wave/wave.h"

namespace connbench {

/// Targets that are opened at first use and live as long as the program, one per name and family.
class OpenTargets {
 public:
  /// @throws std::system_error, std::invalid_argument
  const Target& open(std::string_view name, Family family, size_t open_at_once, std::vector<int> cpus = {});

 private:
  struct Row {
    std::string name;
    Family family;
    std::unique_ptr<Target> target;
  };
  std::vector<Row> open_;
};

/// Marks the benchmark as skipped, with the reason, when the connector cannot hold so many in flight here.
bool skipped(benchmark::State& state, std::string_view connector, size_t max_in_flight);

/// Samples of several waves of one case, pooled: percentiles are taken of all attempts together, never averaged.
class Pool {
 public:
  void add(std::span<const Sample> samples, Duration timeout);
  /// p50 … max of connecting and of overshoot, and the count of every outcome that occurred, as counters.
  void report(benchmark::State& state);

 private:
  std::vector<int64_t> connecting_;
  std::vector<int64_t> overshoot_;
  std::array<uint64_t, outcome_count> outcomes_{};
};

/// Ratios of pairs of interleaved blocks, as counters <name>_ratio (their median), <name>_q1 and <name>_q3.
void report_ratios(benchmark::State& state, std::string_view name, std::vector<double> ratios);

/// Runs one wave in a child, as `connbench run` does, and reports its makespan as the iteration's time.
/// Marks the benchmark as skipped when the connector cannot serve the case here, as failed when the child failed.
void run_waves(benchmark::State& state, const Case& what);

/// Registers with Google Benchmark's own command line, and runs. Exit status 2 for unusable arguments.
int bench_main(int argc, char** argv);

}  // namespace connbench
