// How late a connector gives up, in interleaved blocks in one process: between two commands the machine's own lateness
// drifts by more than any mechanism adds.
//   overshoot/<connector>/<timeout>   compared with a sleep without timer slack: ratio of the p50 and of the p90 in
//   each
//                                     pair of blocks, median and quartiles
//   slack/<connector>/<timeout>       with the usual timer slack of 50 µs, and without: p50 and p90 of each, medians
//   over
//                                     the blocks. A timer's expiry has no slack; a wait for one has
// One attempt is in flight at a time, to match a single sleep. Each begins at a random time after the one before, so
// that no phase of the kernel's tick is preferred. Takes the usual --benchmark_* flags.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "bench/bench_support.h"
#include "harness/run/plan.h"
#include "harness/support/statistics.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;
using std::chrono::milliseconds;

constexpr int pairs = 24;
constexpr size_t waits_per_block = 10;
constexpr Duration usual_slack = std::chrono::microseconds(50);

// Waits for up to the period of the slowest usual tick (100 Hz).
void wait_at_random() {
  static std::mt19937_64 random(7);
  sleep_until(now() + Duration(std::uniform_int_distribution<int64_t>(0, 10'000'000)(random)));
}

Lateness lateness_of_sleeping_for(Duration timeout) {
  return lateness_of_sleeping(waits_per_block, [timeout] {
    wait_at_random();
    return now() + timeout;
  });
}

// Uses the connector's own stamps, like every other measurement.
Lateness lateness_of_giving_up(Connector& connector, std::span<const Endpoint> silent, Duration timeout) {
  Lateness late;
  std::vector<Completion> completions;
  for (uint64_t id = 0; id < waits_per_block; ++id) {
    wait_at_random();
    const Attempt attempt{.id = id, .endpoints = silent.first(1), .scheduled = now(), .timeout = timeout};
    if (connector.submit({&attempt, 1}) != 1) throw std::runtime_error("the connector did not accept an attempt");
    completions.clear();
    while (completions.empty())
      connector.reap(completions, now() + std::max<Duration>(10 * timeout, milliseconds(100)));
    const Completion& completion = completions.front();
    if (completion.result.outcome != Outcome::deadline_exceeded)
      throw std::runtime_error("an attempt did not end by its deadline");
    late.push_back((completion.finished - completion.started - timeout).count());
  }
  std::ranges::sort(late);
  return late;
}

class Made {
 public:
  Made(const NamedConnector& named, Duration slack) : slack_(slack) {
    const TimerSlack here(slack);  // threads inherit that of the thread that creates them
    connector_ = named.entry->make({named.options, 1, retirement_});
  }
  Lateness lateness(std::span<const Endpoint> silent, Duration timeout) {
    const TimerSlack here(slack_);
    return lateness_of_giving_up(*connector_, silent, timeout);
  }

 private:
  Duration slack_;
  Retirement retirement_{{}, 0};
  std::unique_ptr<Connector> connector_;
};

void against_sleep(benchmark::State& state, const char* name, Duration timeout) {
  OpenTargets targets;
  const auto silent = targets.open("backlog-full", Family::ipv4, 1).endpoints();
  if (skipped(state, name, 1)) return;
  Made made(find_connector(name), usual_slack);
  compare_with_sleep(
      state, pairs, [&] { return lateness_of_sleeping_for(timeout); }, [&] { return made.lateness(silent, timeout); });
}

// Blocks that take about ten seconds together.
int pairs_for(Duration timeout) {
  constexpr Duration together = std::chrono::seconds(10);
  const Duration pair = 2 * waits_per_block * (timeout + milliseconds(5));
  return std::clamp(static_cast<int>(together / pair), 4, pairs);
}

void with_and_without_slack(benchmark::State& state, const std::string& name, Duration timeout) {
  OpenTargets targets;
  const auto silent = targets.open("backlog-full", Family::ipv4, 1).endpoints();
  if (skipped(state, name, 1)) return;
  Made with(find_connector(name), usual_slack), without(find_connector(name), TimerSlack::none);
  std::vector<double> p50[2], p90[2];
  const auto block = [&](size_t which) {
    const Lateness late = (which == 0 ? with : without).lateness(silent, timeout);
    p50[which].push_back(quantile_of(late, 0.5) / 1e3);
    p90[which].push_back(quantile_of(late, 0.9) / 1e3);
  };
  for ([[maybe_unused]] auto _ : state)
    for (int pair = 0; pair < pairs_for(timeout); ++pair) {
      const size_t first = pair % 2 == 0 ? 0 : 1;
      block(first);
      block(1 - first);
    }
  state.counters["slack_50us_p50_us"] = *median(p50[0]);
  state.counters["slack_1ns_p50_us"] = *median(p50[1]);
  state.counters["slack_50us_p90_us"] = *median(p90[0]);
  state.counters["slack_1ns_p90_us"] = *median(p90[1]);
}

bool keeps(const ConnectorEntry* entry, Duration timeout) {
  const auto capabilities = ask_capabilities(find_connector(entry->name)).capabilities;
  return capabilities && capabilities->has_deadline() && capabilities->opens_sockets && capabilities->floor <= timeout;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* connectors[] = {"epoll", "signal-threads", "epoll+wait:pwait2",
                                        "poll",  "io-uring",       "io-uring+deadline:link"};
  constexpr milliseconds timeout(100);
  for (const char* name : connectors)
    add_comparison(fmt::format("overshoot/{}/{}", name, format_duration(timeout)),
                   [name, timeout](benchmark::State& state) { against_sleep(state, name, timeout); });
  std::vector<std::string> all{"epoll+wait:pwait2", "io-uring+deadline:link"};
  for (const ConnectorEntry* entry : all_connectors())
    if (keeps(entry, milliseconds(10))) all.emplace_back(entry->name);
  for (const std::string& name : all)
    for (const milliseconds after : {milliseconds(10), milliseconds(100)})
      add_comparison(fmt::format("slack/{}/{}", name, format_duration(after)),
                     [name, after](benchmark::State& state) { with_and_without_slack(state, name, after); });
  return bench_main(argc, argv);
}
