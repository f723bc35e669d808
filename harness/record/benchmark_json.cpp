#include "harness/record/benchmark_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "harness/support/statistics.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

// nullopt when the CPU time could not be read.
std::optional<double> cpu_per_attempt(const SummaryRow& row) {
  if (row.usage.cpu_ns < 0 || row.attempts == 0) return std::nullopt;
  return static_cast<double>(row.usage.cpu_ns) / static_cast<double>(row.attempts);
}

void append_entry(std::string& entries, const Json& entry) {
  if (!entries.empty()) entries += ",\n";
  entries += entry.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string benchmark_name(const Case& what, Duration usual_timeout) {
  auto name = fmt::format("connect/{}/{}/concurrency:{}", what.connector, what.target, what.concurrency);
  if (what.family != Family::ipv4) name += fmt::format("/family:{}", to_string(what.family));
  if (what.shards != 1) name += fmt::format("/shards:{}", what.shards);
  if (what.hosts != 1) name += fmt::format("/hosts:{}", what.hosts);
  if (what.timeout != usual_timeout) name += fmt::format("/timeout:{}", format_duration(what.timeout));
  if (what.scenario != "burst") name += fmt::format("/scenario:{}", what.scenario);
  return name;
}

std::vector<BenchmarkFigure> benchmark_figures(const SummaryRow& row) {
  std::vector<BenchmarkFigure> figures;
  const auto add = [&](std::string_view name, const std::optional<int64_t>& ns) {
    if (ns) figures.push_back({name, static_cast<double>(*ns)});
  };
  add("p50", row.connecting.p50);
  add("p90", row.connecting.p90);
  add("p99", row.connecting.p99);
  add("p999", row.connecting.p999);
  add("max", row.connecting.max);
  add("overshoot_p50", row.overshoot.p50);
  add("overshoot_p90", row.overshoot.p90);
  add("overshoot_p99", row.overshoot.p99);
  add("reaped_overshoot_p50", row.reaped_overshoot.p50);
  add("reaped_overshoot_p90", row.reaped_overshoot.p90);
  add("reaped_overshoot_p99", row.reaped_overshoot.p99);
  if (row.connects_per_s) figures.push_back({"time_per_connect", 1e9 / *row.connects_per_s});
  if (const auto cpu = cpu_per_attempt(row)) figures.push_back({"cpu_per_attempt", *cpu});
  return figures;
}

BenchmarkJson::BenchmarkJson(const Json& context, Duration usual_timeout, unsigned repetitions)
    : context_(context.dump(2, ' ', false, Json::error_handler_t::replace)),
      usual_timeout_(usual_timeout),
      repetitions_(repetitions) {}

BenchmarkJson::Series& BenchmarkJson::series(const std::string& name, size_t shards) {
  const auto [at, is_new] = index_.try_emplace(name, series_.size());
  if (is_new) series_.push_back({name, shards, {}, {}});
  return series_[at->second];
}

void BenchmarkJson::add(const SummaryRow& row) {
  const auto base = benchmark_name(row.what, usual_timeout_);
  const auto cpu = cpu_per_attempt(row);
  if (!cpu) return;  // compare.py rejects the whole file when one entry has no cpu_time
  for (const auto& [figure, ns] : benchmark_figures(row)) {
    const auto name = fmt::format("{}/{}", base, figure);
    auto& all = series(name, row.what.shards);
    all.real.push_back(ns);
    all.cpu.push_back(*cpu);
    append_entry(entries_, {{"name", name},
                            {"run_name", name},
                            {"run_type", "iteration"},
                            {"repetitions", repetitions_},
                            {"repetition_index", row.repetition - 1},
                            {"threads", row.what.shards},
                            {"iterations", row.attempts},
                            {"real_time", ns},
                            {"cpu_time", *cpu},
                            {"time_unit", "ns"}});
  }
}

std::string BenchmarkJson::raw() const {
  return document(entries_);
}

std::string BenchmarkJson::aggregate() const {
  std::string entries;
  for (const auto& [name, shards, real, cpu] : series_) {
    append_entry(entries, {{"name", name},
                           {"run_name", name},
                           {"run_type", "aggregate"},
                           {"aggregate_name", "median"},
                           {"aggregate_unit", "time"},
                           {"repetitions", repetitions_},
                           {"threads", shards},
                           {"iterations", real.size()},
                           {"real_time", *median(real)},
                           {"cpu_time", *median(cpu)},
                           {"time_unit", "ns"}});
  }
  return document(entries);
}

std::string BenchmarkJson::document(const std::string& entries) const {
  return fmt::format("{{\"context\": {},\n\"benchmarks\": [\n{}\n]}}\n", context_, entries);
}

}  // namespace connbench
