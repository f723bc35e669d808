#include "bench/bench_support.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/process/affinity.h"
#include "harness/process/known_state.h"
#include "harness/run/plan.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/standard_streams.h"
#include "harness/support/statistics.h"
#include "harness/support/unique_fd.h"
#include "harness/wave/runner.h"

namespace connbench {
namespace {

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

void measure_in_lab(const lab::Options& options, const std::function<void(lab::Lab&)>& inside) {
  const int status = lab::run_in_lab(options, [&](lab::Lab& lab) {
    inside(lab);
    return 0;
  });
  if (status > 128) {  // as a shell reports a signal
    ::signal(status - 128, SIG_DFL);
    ::raise(status - 128);
  }
  if (status != 0) throw std::runtime_error(fmt::format("the lab ended with status {}", status));
}

void run_on_first_cpu() {
  const int first = available_cpus().front();
  run_on(0, {&first, 1});
}

bool skipped(benchmark::State& state, std::string_view connector, size_t max_in_flight) {
  const NamedConnector named = find_connector(connector);
  Retirement retirement({}, 0);
  const auto reason = named.entry->probe({named.options, max_in_flight, retirement});
  if (reason) state.SkipWithError(("skipped: " + *reason).c_str());
  return reason.has_value();
}

DrivenConnector::DrivenConnector(std::string_view connector, std::span<const Endpoint> endpoints, size_t attempts,
                                 size_t concurrency)
    : named_(find_connector(connector)),
      connector_(named_.entry->make({named_.options, concurrency, retirement_})),
      endpoints_(endpoints),
      concurrency_(concurrency),
      samples_(attempts),
      pacing_(closed_loop()) {
  samples_.populate();
}

void DrivenConnector::run() {
  drive(*connector_,
        {.load = {.endpoints = endpoints_, .limit = std::chrono::minutes(1)},
         .concurrency = concurrency_,
         .timeout = std::chrono::seconds(30),  // long enough for the retransmission of a SYN that was lost
         .pacing = pacing_.get()},
        samples_.samples());
  for (const Sample& sample : samples_.samples())
    if (sample.outcome != Outcome::connected) throw std::runtime_error("an attempt did not connect");
}

void Pool::add(std::span<const Sample> samples, Duration timeout) {
  for (const Sample& sample : samples) {
    ++outcomes_[static_cast<size_t>(sample.outcome)];
    const int64_t took = sample.finished_ns - sample.started_ns;
    if (sample.outcome == Outcome::connected) connecting_.push_back(took);
    if (sample.outcome != Outcome::deadline_exceeded) continue;
    overshoot_.push_back(took - timeout.count());
    reaped_overshoot_.push_back(sample.reaped_ns - sample.started_ns - timeout.count());
  }
}

void Pool::report(benchmark::State& state) {
  report_percentiles(state, "", connecting_);
  report_percentiles(state, "overshoot_", overshoot_);
  report_percentiles(state, "reaped_overshoot_", reaped_overshoot_);
  for (const Outcome outcome : all_outcomes())
    if (const uint64_t count = outcomes_[static_cast<size_t>(outcome)]; count > 0)
      state.counters[std::string(to_string(outcome))] = static_cast<double>(count);
}

Quartiles quartiles_of(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return {.q1 = values[n / 4], .median = *median(values), .q3 = values[n - 1 - n / 4]};
}

void report_ratios(benchmark::State& state, std::string_view name, std::vector<double> ratios) {
  const Quartiles found = quartiles_of(std::move(ratios));
  state.counters[fmt::format("{}_ratio", name)] = found.median;
  state.counters[fmt::format("{}_q1", name)] = found.q1;
  state.counters[fmt::format("{}_q3", name)] = found.q3;
}

double quantile_of(const Lateness& sorted, double q) {
  return static_cast<double>(sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))]);
}

std::vector<double> compare_with_sleep(benchmark::State& state, int pairs, const std::function<Lateness()>& sleep,
                                       const std::function<Lateness()>& measured) {
  std::vector<double> p50, p90, sleep_p50_us, measured_p50_us;
  for ([[maybe_unused]] auto _ : state) {
    for (int pair = 0; pair < pairs; ++pair) {
      const bool sleep_first = pair % 2 == 0;
      Lateness slept = sleep_first ? sleep() : Lateness{};
      const Lateness late = measured();
      if (!sleep_first) slept = sleep();
      p50.push_back(quantile_of(late, 0.5) / quantile_of(slept, 0.5));
      p90.push_back(quantile_of(late, 0.9) / quantile_of(slept, 0.9));
      sleep_p50_us.push_back(quantile_of(slept, 0.5) / 1e3);
      measured_p50_us.push_back(quantile_of(late, 0.5) / 1e3);
    }
  }
  report_ratios(state, "p50", std::move(p50));
  report_ratios(state, "p90", std::move(p90));
  state.counters["sleep_p50_us"] = *median(sleep_p50_us);
  state.counters["pairs"] = pairs;
  return measured_p50_us;
}

void run_waves(benchmark::State& state, const Case& what, const std::string& arrival) {
  RunRequest request{.connectors = {find_connector(what.connector)},
                     .targets = {find_target(what.target)},
                     .families = {what.family},
                     .concurrency = {what.concurrency},
                     .timeouts = {what.timeout},
                     .attempts = what.attempts,
                     .arrival = arrival};
  const Plan plan = make_plan(request);
  if (plan.cases.empty()) return state.SkipWithError(fmt::format("skipped: {}", plan.skipped.front().reason).c_str());
  const PlannedCase& planned = plan.cases.front();
  const Target& target = open_targets().open(what.target, what.family, what.concurrency);
  const Target& answering = open_targets().open("accepting", what.family, what.concurrency);
  uint64_t seed = 0;
  const WaveSpec spec{.what = &planned.what,
                      .connector = planned.connector,
                      .load = {.endpoints = target.endpoints(),
                               .endpoints_per_attempt = target.endpoints_per_attempt(),
                               .limit = planned.limit},
                      .warm_up = planned.target->entry->answers ? target.endpoints() : answering.endpoints(),
                      .server = target.server(),
                      .pacing = [&] { return find_scenario(arrival).entry->pacing(arrival, ++seed); }};
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

namespace {

// As connbench does it.
int checked_output() {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::cout && std::ferror(stdout) == 0) return 0;
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0) return reader_left;
  constexpr std::string_view message = "cannot write to stdout\n";
  std::fwrite(message.data(), 1, message.size(), stderr);
  return 5;
}

}  // namespace

int bench_main(int argc, char** argv) {
  enter_known_state();
  raise_descriptor_limit();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return checked_output();
}

}  // namespace connbench
