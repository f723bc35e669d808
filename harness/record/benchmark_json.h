// benchmark.json and benchmark-aggregate.json: Google Benchmark's format, one entry a figure, because the tools that
// read it look at `real_time` only. Of everything here, smaller is better.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/record/summary.h"

namespace connbench {

/// "connect/epoll/accepting/concurrency:256", then what is not usual: "/family:6", "/shards:2", "/timeout:1s" (other
/// than `usual_timeout`), "/scenario:steady:poisson:5000/s" (other than burst). Two cases of one run never share a
/// name.
std::string benchmark_name(const Case& what, Duration usual_timeout);

/// One figure of a wave, in nanoseconds.
struct BenchmarkFigure {
  std::string_view name;  ///< p50, p90, p99, p999, max, overshoot_p50 …, time_per_connect, cpu_per_attempt
  double ns;
};
/// Those that the row has.
std::vector<BenchmarkFigure> benchmark_figures(const SummaryRow& row);

/// Both documents, in memory; grows by waves.
class BenchmarkJson {
 public:
  BenchmarkJson(nlohmann::ordered_json context, Duration usual_timeout, unsigned repetitions);

  void add(const SummaryRow& row);

  /// Every repetition.
  std::string raw() const;
  /// One entry a name: the median over the repetitions.
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
  std::string entries_;         // of raw(), written once: each wave rewrites the file
  std::vector<Series> series_;  // in order of appearance
  std::map<std::string, size_t> index_;
};

}  // namespace connbench
