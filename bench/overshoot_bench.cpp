// How much later than clock_nanosleep a way gives up, as a ratio over interleaved blocks of one process: the machine's
// own lateness drifts by more between two commands than any mechanism adds.
//   overshoot/<connector>/<timeout>   ratio of the p50 and of the p90 of each pair of blocks: median and quartiles
// One attempt is in flight at a time, as one sleep is. All the usual --benchmark_* flags.
#include <fmt/format.h>

#include <algorithm>

#include "bench/bench_support.h"
#include "harness/support/statistics.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;
using std::chrono::milliseconds;

constexpr int pairs = 24;
constexpr size_t waits_per_block = 10;

// In nanoseconds past the deadline, sorted.
using Lateness = std::vector<int64_t>;

Lateness of_sleeping(Duration timeout) {
  Lateness late;
  for (size_t i = 0; i < waits_per_block; ++i) {
    const TimePoint start = now();
    const timespec until = to_timespec(start + timeout);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    late.push_back((now() - start - timeout).count());
  }
  std::ranges::sort(late);
  return late;
}

// By the connector's own stamps, as everywhere: from `started` to the moment at which it knows.
Lateness of_giving_up(Connector& connector, std::span<const Endpoint> silent, Duration timeout) {
  Lateness late;
  std::vector<Completion> completions;
  for (uint64_t id = 0; id < waits_per_block; ++id) {
    const Attempt attempt{.id = id, .endpoints = silent.first(1), .scheduled = now(), .timeout = timeout};
    if (connector.submit({&attempt, 1}) != 1) throw std::runtime_error("an attempt was not taken");
    completions.clear();
    while (completions.empty()) connector.reap(completions, now() + 10 * timeout);
    const Completion& completion = completions.front();
    if (completion.result.outcome != Outcome::deadline_exceeded)
      throw std::runtime_error("an attempt ended otherwise than by its deadline");
    late.push_back((completion.finished - completion.started - timeout).count());
  }
  std::ranges::sort(late);
  return late;
}

double quantile(const Lateness& sorted, double q) {
  return static_cast<double>(sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))]);
}

void against_sleep(benchmark::State& state, const char* name, Duration timeout) {
  OpenTargets targets;
  const auto silent = targets.open("backlog-full", Family::ipv4, 1).endpoints();
  const NamedConnector named = find_connector(name);
  Retirement retirement({}, 0);
  if (const auto reason = named.entry->probe({named.options, 1, retirement}))
    return state.SkipWithError(("skipped: " + *reason).c_str());
  const auto connector = named.entry->make({named.options, 1, retirement});
  std::vector<double> p50;
  std::vector<double> p90;
  std::vector<double> slept;
  for ([[maybe_unused]] auto _ : state) {
    for (int pair = 0; pair < pairs; ++pair) {
      const bool sleep_first = pair % 2 == 0;
      Lateness sleeping = sleep_first ? of_sleeping(timeout) : Lateness{};
      const Lateness giving_up = of_giving_up(*connector, silent, timeout);
      if (!sleep_first) sleeping = of_sleeping(timeout);
      p50.push_back(quantile(giving_up, 0.5) / quantile(sleeping, 0.5));
      p90.push_back(quantile(giving_up, 0.9) / quantile(sleeping, 0.9));
      slept.push_back(quantile(sleeping, 0.5) / 1e3);
    }
  }
  report_ratios(state, "p50", std::move(p50));
  report_ratios(state, "p90", std::move(p90));
  state.counters["sleep_p50_us"] = *median(slept);
  state.counters["pairs"] = pairs;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* connectors_held_to_it[] = {"epoll", "signal-threads", "epoll+wait:pwait2",
                                                   "poll",  "io-uring",       "io-uring+deadline:link"};
  constexpr milliseconds timeout(100);
  for (const char* name : connectors_held_to_it)
    benchmark::RegisterBenchmark(fmt::format("overshoot/{}/{}", name, format_duration(timeout)).c_str(),
                                 [name, timeout](benchmark::State& state) { against_sleep(state, name, timeout); })
        ->Iterations(1)
        ->UseRealTime()
        ->Unit(benchmark::kSecond);
  return bench_main(argc, argv);
}
