// benchmark.json and benchmark-aggregate.json: Google Benchmark's format, with one entry per figure because the tools
// that read it look at `real_time` only. Smaller is better for every figure.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/record/summary.h"
#include "harness/support/clock.h"
#include "harness/wave/case.h"

namespace connbench {

/// "connect/epoll/accepting/concurrency:256", followed by what is unusual: "/family:6", "/shards:2", "/timeout:1s"
/// (other than `usual_timeout`), "/scenario:steady:poisson:5000/s" (other than burst). No two cases of a run share a
/// name.
std::string benchmark_name(const Case& what, Duration usual_timeout);

/// One figure of a wave, in nanoseconds.
struct BenchmarkFigure {
  std::string_view
      name;  ///< p50, p90, p99, p999, max, overshoot_p50 …, reaped_overshoot_p50 …, time_per_connect, cpu_per_attempt
  double ns;
};
/// The figures that the row has.
std::vector<BenchmarkFigure> benchmark_figures(const SummaryRow& row);

/// Both documents, in memory. They grow with every wave.
class BenchmarkJson {
 public:
  BenchmarkJson(const nlohmann::ordered_json& context, Duration usual_timeout, unsigned repetitions);

  void add(const SummaryRow& row);

  /// Every repetition.
  std::string raw() const;
  /// One entry per name: the median over the repetitions.
  std::string aggregate() const;

 private:
  struct Series {
    std::string name;
    size_t shards;
    std::vector<double> real, cpu;
  };
  Series& series(const std::string& name, size_t shards);
  std::string document(const std::string& entries) const;

  std::string context_;
  Duration usual_timeout_;
  unsigned repetitions_;
  std::string entries_;         // of raw(), as text: the file is rewritten after each wave
  std::vector<Series> series_;  // in the order of their first wave
  std::map<std::string, size_t> index_;
};

}  // namespace connbench
