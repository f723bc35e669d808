// How well the drive loop holds the times at which attempts are due, beside clock_nanosleep at the same times:
//   pacing/<connector>/<target>   how late attempts start, as a ratio of the p50 and of the p90 of each pair of
//                                 interleaved blocks, one of the loop and one that only sleeps: median and quartiles
//   spin/<connector>/<target>     how late they start when the loop spins, over all blocks and (block_p99_us) in the
//                                 median block; meaningful where a processor is idle
// Client and server have a processor each, where there are two. All the usual --benchmark_* flags.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

#include "bench/bench_support.h"
#include "harness/machine/machine.h"
#include "harness/support/statistics.h"

namespace {

using namespace connbench;

constexpr double rate_per_s = 5000;
// 20 ms: short enough for most pairs to be undisturbed by whatever else runs; p90 needs 36.
constexpr int pairs = 150;
constexpr size_t block = 100;
constexpr int spun_blocks = 30;
constexpr size_t spun_block = 500;  // p99 needs 368
constexpr size_t in_flight = 1000;
constexpr Duration timeout = std::chrono::milliseconds(50);

// In nanoseconds past the intended start, sorted.
using Lateness = std::vector<int64_t>;

Lateness of_sleeping() {
  Lateness late;
  const auto pacing = uniform_arrivals(rate_per_s);
  const TimePoint begun = now();
  for (size_t i = 0; i < block; ++i) {
    const TimePoint due = begun + pacing->next_due();
    if (now() < due) sleep_until(due);
    late.push_back((now() - due).count());
  }
  std::ranges::sort(late);
  return late;
}

Lateness of_driving(Connector& connector, std::span<const Endpoint> endpoints, bool spin) {
  std::vector<Sample> samples(spin ? spun_block : block);
  const auto pacing = uniform_arrivals(rate_per_s);
  drive(connector,
        {.load = {.endpoints = endpoints, .limit = std::chrono::minutes(1), .spin = spin},
         .concurrency = in_flight,
         .timeout = timeout,
         .pacing = pacing.get()},
        samples);
  Lateness late;
  for (const Sample& sample : samples) late.push_back(sample.started_ns - sample.scheduled_ns);
  std::ranges::sort(late);
  return late;
}

double quantile_of(const Lateness& sorted, double q) {
  return static_cast<double>(sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))]);
}

// A connector of its own, and where it connects to.
class Driven {
 public:
  Driven(const char* connector, const char* target)
      : named_(find_connector(connector)), endpoints_(endpoints_of(target)) {}

  std::optional<std::string> why_not() { return named_.entry->probe({named_.options, in_flight, retirement_}); }
  Lateness lateness(bool spin) {
    if (!connector_) connector_ = named_.entry->make({named_.options, in_flight, retirement_});
    return of_driving(*connector_, endpoints_, spin);
  }

 private:
  static std::span<const Endpoint> endpoints_of(const char* target) {
    static OpenTargets targets;
    const std::vector<int> cpus = online_cpus();
    return targets
        .open(target, Family::ipv4, in_flight, cpus.size() > 1 ? std::vector<int>{cpus[1]} : std::vector<int>{})
        .endpoints();
  }

  NamedConnector named_;
  std::span<const Endpoint> endpoints_;
  Retirement retirement_{{}, 0};
  std::unique_ptr<Connector> connector_;
};

void against_sleep(benchmark::State& state, const char* connector, const char* target) {
  Driven driven(connector, target);
  if (const auto reason = driven.why_not()) return state.SkipWithError(("skipped: " + *reason).c_str());
  std::vector<double> p50, p90, slept_p50, drove_p50;
  for ([[maybe_unused]] auto _ : state) {
    for (int pair = 0; pair < pairs; ++pair) {
      const bool sleep_first = pair % 2 == 0;
      Lateness sleeping = sleep_first ? of_sleeping() : Lateness{};
      const Lateness driving = driven.lateness(false);
      if (!sleep_first) sleeping = of_sleeping();
      p50.push_back(quantile_of(driving, 0.5) / quantile_of(sleeping, 0.5));
      p90.push_back(quantile_of(driving, 0.9) / quantile_of(sleeping, 0.9));
      slept_p50.push_back(quantile_of(sleeping, 0.5) / 1e3);
      drove_p50.push_back(quantile_of(driving, 0.5) / 1e3);
    }
  }
  report_ratios(state, "p50", std::move(p50));
  report_ratios(state, "p90", std::move(p90));
  state.counters["sleep_p50_us"] = *median(slept_p50);
  state.counters["drive_p50_us"] = *median(drove_p50);
  state.counters["pairs"] = pairs;
}

void spinning(benchmark::State& state, const char* connector, const char* target) {
  Driven driven(connector, target);
  if (const auto reason = driven.why_not()) return state.SkipWithError(("skipped: " + *reason).c_str());
  std::vector<int64_t> all;
  std::vector<double> p99_of_blocks;
  for ([[maybe_unused]] auto _ : state)
    for (int i = 0; i < spun_blocks; ++i) {
      const Lateness late = driven.lateness(true);
      p99_of_blocks.push_back(quantile_of(late, 0.99) / 1e3);
      all.insert(all.end(), late.begin(), late.end());
    }
  const Percentiles found = percentiles(all);
  state.counters["block_p99_us"] = *median(p99_of_blocks);
  state.counters["p50_us"] = static_cast<double>(*found.p50) / 1e3;
  state.counters["p99_us"] = static_cast<double>(*found.p99) / 1e3;
  state.counters["max_us"] = static_cast<double>(*found.max) / 1e3;
}

void run_on_first_processor() {
  const std::vector<int> cpus = online_cpus();
  if (cpus.size() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpus[0]), &set);
  checked(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

}  // namespace

int main(int argc, char** argv) {
  run_on_first_processor();
  struct Row {
    const char* connector;
    const char* target;
  };
  // Nothing in flight, then something for a moment, then always: the three ways in which the loop waits.
  constexpr Row rows[] = {{"null", "accepting"},     {"epoll", "accepting"},       {"epoll", "backlog-full"},
                          {"io-uring", "accepting"}, {"io-uring", "backlog-full"}, {"poll", "backlog-full"}};
  for (const Row& row : rows) {
    const auto add = [&row](const char* kind, auto* measure) {
      benchmark::RegisterBenchmark(
          fmt::format("{}/{}/{}", kind, row.connector, row.target).c_str(),
          [measure, row](benchmark::State& state) { measure(state, row.connector, row.target); })
          ->Iterations(1)
          ->UseRealTime()
          ->Unit(benchmark::kSecond);
    };
    add("pacing", against_sleep);
    add("spin", spinning);
  }
  return bench_main(argc, argv);
}
