// How late a connector gives up compared with clock_nanosleep, as a ratio over interleaved blocks in one process:
// between two commands the machine's own lateness drifts by more than any mechanism adds.
//   overshoot/<connector>/<timeout>   ratio of the p50 and of the p90 in each pair of blocks: median and quartiles
// One attempt is in flight at a time, to match a single sleep. Takes the usual --benchmark_* flags.
#include <fmt/format.h>

#include <algorithm>

#include "bench/bench_support.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;
using std::chrono::milliseconds;

constexpr int pairs = 24;
constexpr size_t waits_per_block = 10;

// All lateness is counted from the deadline.
Lateness lateness_of_sleeping(Duration timeout) {
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

// Uses the connector's own stamps, like every other measurement.
Lateness lateness_of_giving_up(Connector& connector, std::span<const Endpoint> silent, Duration timeout) {
  Lateness late;
  std::vector<Completion> completions;
  for (uint64_t id = 0; id < waits_per_block; ++id) {
    const Attempt attempt{.id = id, .endpoints = silent.first(1), .scheduled = now(), .timeout = timeout};
    if (connector.submit({&attempt, 1}) != 1) throw std::runtime_error("the connector did not accept an attempt");
    completions.clear();
    while (completions.empty()) connector.reap(completions, now() + 10 * timeout);
    const Completion& completion = completions.front();
    if (completion.result.outcome != Outcome::deadline_exceeded)
      throw std::runtime_error("an attempt did not end by its deadline");
    late.push_back((completion.finished - completion.started - timeout).count());
  }
  std::ranges::sort(late);
  return late;
}

void against_sleep(benchmark::State& state, const char* name, Duration timeout) {
  OpenTargets targets;
  const auto silent = targets.open("backlog-full", Family::ipv4, 1).endpoints();
  const NamedConnector named = find_connector(name);
  Retirement retirement({}, 0);
  if (const auto reason = named.entry->probe({named.options, 1, retirement}))
    return state.SkipWithError(("skipped: " + *reason).c_str());
  const auto connector = named.entry->make({named.options, 1, retirement});
  compare_with_sleep(
      state, pairs, [&] { return lateness_of_sleeping(timeout); },
      [&] { return lateness_of_giving_up(*connector, silent, timeout); });
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* connectors[] = {"epoll", "signal-threads", "epoll+wait:pwait2",
                                        "poll",  "io-uring",       "io-uring+deadline:link"};
  constexpr milliseconds timeout(100);
  for (const char* name : connectors)
    add_comparison(fmt::format("overshoot/{}/{}", name, format_duration(timeout)),
                   [name, timeout](benchmark::State& state) { against_sleep(state, name, timeout); });
  return bench_main(argc, argv);
}
