// How punctually the drive loop starts attempts, compared with a sleep without timer slack until the same times:
//   pacing/<connector>/<target>   how late attempts start, as the ratio of the p50 and of the p90 in each pair of
//                                 interleaved blocks, one of the loop and one that only sleeps: median and quartiles
//   spin/<connector>/<target>     how late they start when the loop spins, over all blocks and (block_p99_us) in the
//                                 median block; meaningful only where a processor is idle
// Client and server have a processor each, where there are two. Takes the usual --benchmark_* flags.
#include <fmt/format.h>

#include <algorithm>

#include "bench/bench_support.h"
#include "harness/machine/processors.h"
#include "harness/support/statistics.h"

namespace {

using namespace connbench;

constexpr double rate_per_s = 5000;
// Blocks of 20 ms are short enough for most pairs to be undisturbed. The p90 needs 36 values.
constexpr int pairs = 150;
constexpr size_t attempts_per_block = 100;
constexpr int spinning_blocks = 30;
constexpr size_t attempts_per_spinning_block = 500;  // the p99 needs 368
constexpr size_t in_flight = 1000;
constexpr Duration timeout = std::chrono::microseconds(50'100);  // half-way between two arrivals

// How the drive loop waits for the next attempt.
enum class Waiting : uint8_t { sleep, spin };

// All lateness is counted from the intended start.
Lateness lateness_of_sleeping_to_schedule() {
  const auto pacing = uniform_arrivals(rate_per_s);
  const TimePoint begun = now();
  return lateness_of_sleeping(attempts_per_block, [&] { return begun + pacing->next_due(); });
}

Lateness lateness_of_driving(Connector& connector, std::span<const Endpoint> endpoints, Waiting waiting) {
  const bool spin = waiting == Waiting::spin;
  std::vector<Sample> samples(spin ? attempts_per_spinning_block : attempts_per_block);
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

// A connector and the target that it connects to.
class Driven {
 public:
  Driven(const char* connector, const char* target)
      : named_(find_connector(connector)), endpoints_(endpoints_of(target)) {}

  std::optional<std::string> why_not() { return named_.entry->probe({named_.options, in_flight, retirement_}); }
  Lateness lateness(Waiting waiting) {
    if (!connector_) connector_ = named_.entry->make({named_.options, in_flight, retirement_});
    return lateness_of_driving(*connector_, endpoints_, waiting);
  }

 private:
  static std::span<const Endpoint> endpoints_of(const char* target) {
    static OpenTargets targets;
    const auto cpus = suggested_cpus();
    return targets.open(target, Family::ipv4, in_flight, cpus ? std::vector<int>{cpus->server} : std::vector<int>{})
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
  std::vector<double> drive_p50_us = compare_with_sleep(state, pairs, lateness_of_sleeping_to_schedule,
                                                        [&] { return driven.lateness(Waiting::sleep); });
  state.counters["drive_p50_us"] = *median(drive_p50_us);
}

void spinning(benchmark::State& state, const char* connector, const char* target) {
  Driven driven(connector, target);
  if (const auto reason = driven.why_not()) return state.SkipWithError(("skipped: " + *reason).c_str());
  std::vector<int64_t> all;
  std::vector<double> p99_of_blocks;
  for ([[maybe_unused]] auto _ : state)
    for (int i = 0; i < spinning_blocks; ++i) {
      const Lateness late = driven.lateness(Waiting::spin);
      p99_of_blocks.push_back(quantile_of(late, 0.99) / 1e3);
      all.insert(all.end(), late.begin(), late.end());
    }
  const Percentiles found = percentiles(all);
  state.counters["block_p99_us"] = *median(p99_of_blocks);
  state.counters["p50_us"] = static_cast<double>(*found.p50) / 1e3;
  state.counters["p99_us"] = static_cast<double>(*found.p99) / 1e3;
  state.counters["max_us"] = static_cast<double>(*found.max) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  run_on_first_cpu();
  struct Row {
    const char* connector;
    const char* target;
  };
  // The loop waits in three ways: with nothing in flight, with something in flight for a moment, and all the time.
  constexpr Row rows[] = {{"null", "accepting"},     {"epoll", "accepting"},       {"epoll", "backlog-full"},
                          {"io-uring", "accepting"}, {"io-uring", "backlog-full"}, {"poll", "backlog-full"}};
  for (const Row& row : rows) {
    const auto add = [&row](const char* kind, auto* measure) {
      add_comparison(fmt::format("{}/{}/{}", kind, row.connector, row.target),
                     [measure, row](benchmark::State& state) { measure(state, row.connector, row.target); });
    };
    add("pacing", against_sleep);
    add("spin", spinning);
  }
  return bench_main(argc, argv);
}
