// What the Google Benchmark programs share.
#pragma once

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/yardstick.h"
#include "harness/connector/registry.h"
#include "harness/lab/lab.h"
#include "harness/targets/target.h"
#include "harness/wave/wave.h"

namespace connbench {

/// Targets that are opened at first use and live as long as this object, one per name and family.
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

/// The parent of a wave that nobody interrupts.
class Unattended final : public WaveParent {
 public:
  bool should_stop() override { return false; }
};

/// Runs `inside` in a lab. A signal that ended the lab ends this process too: otherwise the benchmark would be reported
/// without its figures, and the next one would begin. @throws what run_in_lab() throws; std::runtime_error when
/// `inside` could not go on
void measure_in_lab(const lab::Options& options, const std::function<void(lab::Lab&)>& inside);

/// Keeps this process on the first processor. Where client and server are compared, each must have a processor of its
/// own; otherwise the scheduler's choice would be part of every figure. @throws std::system_error
void run_on_first_cpu();

/// Marks the benchmark as skipped, with the reason, when the connector cannot have this many attempts in flight here.
bool skipped(benchmark::State& state, std::string_view connector, size_t max_in_flight);

/// One connector in the drive loop of this process. It lives as long as a comparison does, and so does the bare loop
/// that it is compared with.
class DrivenConnector {
 public:
  DrivenConnector(std::string_view connector, std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

  /// Drives one wave. @throws std::runtime_error when an attempt does not connect
  void run();
  size_t attempts() const { return samples_.samples().size(); }

 private:
  Retirement retirement_{{}, 0};
  NamedConnector named_;
  std::unique_ptr<Connector> connector_;
  std::span<const Endpoint> endpoints_;
  size_t concurrency_;
  SampleBuffer samples_;
  std::unique_ptr<Pacing> pacing_;
};

/// Samples of several waves of one case, pooled: percentiles are taken over all attempts together, never averaged.
class Pool {
 public:
  void add(std::span<const Sample> samples, Duration timeout);
  /// Sets counters: p50 … max of connecting, of overshoot and of reaped overshoot, and the count of every outcome that
  /// occurred.
  void report(benchmark::State& state);

 private:
  std::vector<int64_t> connecting_;
  std::vector<int64_t> overshoot_;
  std::vector<int64_t> reaped_overshoot_;
  std::array<uint64_t, outcome_count> outcomes_{};
};

struct Quartiles {
  double q1;
  double median;
  double q3;
};
/// `values` must not be empty.
Quartiles quartiles_of(std::vector<double> values);

/// Sets the counters <name>_ratio (the median), <name>_q1 and <name>_q3.
void report_ratios(benchmark::State& state, std::string_view name, std::vector<double> ratios);

double quantile_of(const Lateness& sorted, double q);

/// Runs `pairs` pairs of blocks, one of `sleep` and one of `measured`, with the order alternating from pair to pair.
/// `sleep` is a yardstick (bench/yardstick.h). Sets the counters of report_ratios() for the p50 and the p90 of measured
/// / sleep, sleep_p50_us and pairs. Returns the p50 of each measured block, in microseconds.
std::vector<double> compare_with_sleep(benchmark::State& state, int pairs, const std::function<Lateness()>& sleep,
                                       const std::function<Lateness()>& measured);

/// Runs one wave in a child, as `connbench run --arrival` does, and reports its makespan as the iteration's time. Marks
/// the benchmark as skipped when the connector cannot serve the case here, and as failed when the child failed.
void run_waves(benchmark::State& state, const Case& what, const std::string& arrival = "closed");

/// Registers a benchmark that runs once and measures by itself.
template <class Function>
void add_comparison(const std::string& name, Function function) {
  benchmark::RegisterBenchmark(name.c_str(), function)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);
}

/// Parses Google Benchmark's own command line and runs the registered benchmarks. Returns the exit status: 2 for
/// unusable arguments; 5 when stdout cannot be written, reader_left when nobody reads it.
int bench_main(int argc, char** argv);

}  // namespace connbench
