#include "bench/bench_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/machine/machine.h"
#include "harness/run/plan.h"
#include "harness/support/statistics.h"

namespace connbench {
namespace {

class Unattended final : public WaveParent {
 public:
  bool should_stop() override { return false; }
};

OpenTargets& open_targets() {
  static OpenTargets targets;
  return targets;
}

void report_percentiles(benchmark::State& state, const char* prefix, std::vector<int64_t>& values) {
  const Percentiles found = percentiles(values);
  const auto set = [&](const char* name, const std::optional<int64_t>& value) {
    if (value) state.counters[fmt::format("{}{}_us", prefix, name)] = static_cast<double>(*value) / 1e3;
  };
  set("p50", found.p50);
  set("p90", found.p90);
  set("p99", found.p99);
  set("p999", found.p999);
  set("max", found.max);
}

Duration makespan(std::span<const Sample> samples) {
  int64_t first = INT64_MAX;
  int64_t last = 0;
  for (const Sample& sample : samples) {
    if (sample.started_ns == 0) continue;
    first = std::min(first, sample.scheduled_ns);
    last = std::max(last, sample.finished_ns);
  }
  return Duration(last > first ? last - first : 0);
}

}  // namespace

const Target& OpenTargets::open(std::string_view name, Family family, size_t open_at_once, std::vector<int> cpus) {
  for (const Row& row : open_)
    if (row.name == name && row.family == family) return *row.target;
  const TargetRequest request{.family = family, .open_at_once = open_at_once, .cpus = std::move(cpus)};
  open_.push_back({std::string(name), family, find_target(name).open(request)});
  return *open_.back().target;
}

bool skipped(benchmark::State& state, std::string_view connector, size_t max_in_flight) {
  const NamedConnector named = find_connector(connector);
  Retirement retirement({}, 0);
  const auto reason = named.entry->probe({named.options, max_in_flight, retirement});
  if (reason) state.SkipWithError(("skipped: " + *reason).c_str());
  return reason.has_value();
}

void Pool::add(std::span<const Sample> samples, Duration timeout) {
  for (const Sample& sample : samples) {
    ++outcomes_[static_cast<size_t>(sample.outcome)];
    const int64_t took = sample.finished_ns - sample.started_ns;
    if (sample.outcome == Outcome::connected) connecting_.push_back(took);
    if (sample.outcome == Outcome::deadline_exceeded) overshoot_.push_back(took - timeout.count());
  }
}

void Pool::report(benchmark::State& state) {
  report_percentiles(state, "", connecting_);
  report_percentiles(state, "overshoot_", overshoot_);
  for (const Outcome outcome : all_outcomes())
    if (const uint64_t count = outcomes_[static_cast<size_t>(outcome)]; count > 0)
      state.counters[std::string(to_string(outcome))] = static_cast<double>(count);
}

void report_ratios(benchmark::State& state, std::string_view name, std::vector<double> ratios) {
  std::ranges::sort(ratios);
  const size_t n = ratios.size();
  state.counters[fmt::format("{}_ratio", name)] = *median(ratios);
  state.counters[fmt::format("{}_q1", name)] = ratios[n / 4];
  state.counters[fmt::format("{}_q3", name)] = ratios[n - 1 - n / 4];
}

void run_waves(benchmark::State& state, const Case& what) {
  RunRequest request{.connectors = {find_connector(what.connector)},
                     .targets = {find_target(what.target)},
                     .families = {what.family},
                     .concurrency = {what.concurrency},
                     .timeouts = {what.timeout},
                     .attempts = what.attempts};
  const Plan plan = make_plan(request);
  if (plan.cases.empty()) return state.SkipWithError(fmt::format("skipped: {}", plan.skipped.front().reason).c_str());
  const PlannedCase& planned = plan.cases.front();
  const Target& target = open_targets().open(what.target, what.family, what.concurrency);
  const Target& answering = open_targets().open("accepting", what.family, what.concurrency);
  const WaveSpec spec{.what = &planned.what,
                      .connector = planned.connector,
                      .load = {.endpoints = target.endpoints(),
                               .endpoints_per_attempt = target.endpoints_per_attempt(),
                               .limit = planned.limit},
                      .warm_up = planned.target->entry->answers ? target.endpoints() : answering.endpoints(),
                      .server = target.server(),
                      .pacing = closed_loop};
  Unattended parent;
  Pool pool;
  int64_t cpu_ns = 0;
  for ([[maybe_unused]] auto _ : state) {
    SampleBuffer samples(what.attempts);
    const WaveResult result = run_wave(spec, samples, parent);
    if (!result.failure.empty()) return state.SkipWithError(result.failure.c_str());
    state.SetIterationTime(std::chrono::duration<double>(makespan(samples.samples())).count());
    pool.add(samples.samples(), what.timeout);
    cpu_ns += result.usage.cpu_ns;
  }
  const auto attempts = static_cast<double>(what.attempts) * static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<int64_t>(attempts));
  state.counters["cpu_us_per_attempt"] = static_cast<double>(cpu_ns) / attempts / 1e3;
  pool.report(state);
}

int bench_main(int argc, char** argv) {
  raise_descriptor_limit();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace connbench
