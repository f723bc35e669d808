// How late each connector gives up on a host that never answers, and how late a sleep without timer slack wakes on this
// machine. Attempts arrive at random, so that deadlines keep step neither with arrivals nor with the kernel's tick.
// Takes the usual --benchmark_* flags.
#include <fmt/format.h>

#include "bench/bench_support.h"
#include "harness/run/plan.h"
#include "harness/support/statistics.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;
using std::chrono::milliseconds;

constexpr milliseconds timeouts[] = {milliseconds(1), milliseconds(10), milliseconds(100), milliseconds(500)};

// Few are in flight, so that an attempt seldom waits for the work for another one.
constexpr double in_flight_mean = 4;
constexpr size_t most_in_flight = 40;
constexpr size_t attempts = 40;

void sleep_overshoot(benchmark::State& state, Duration timeout) {
  std::vector<int64_t> late;
  for ([[maybe_unused]] auto _ : state) {
    const Lateness block = lateness_of_sleeping(1, [timeout] { return now() + timeout; });
    late.push_back(block.front());
    state.SetIterationTime(std::chrono::duration<double>(timeout + Duration(block.front())).count());
  }
  const Percentiles found = percentiles(late);
  if (found.p50) state.counters["overshoot_p50_us"] = static_cast<double>(*found.p50) / 1e3;
  if (found.p90) state.counters["overshoot_p90_us"] = static_cast<double>(*found.p90) / 1e3;
}

void overshoot(benchmark::State& state, const Case& what, const std::optional<Capabilities>& capabilities) {
  if (capabilities && capabilities->floor > what.timeout)
    return state.SkipWithError(
        fmt::format("skipped: cannot keep a deadline shorter than {}", format_duration(capabilities->floor)).c_str());
  const double rate = in_flight_mean / std::chrono::duration<double>(what.timeout).count();
  run_waves(state, what, fmt::format("poisson:{:g}/s", rate));
}

std::vector<std::pair<const ConnectorEntry*, std::optional<Capabilities>>> with_deadline() {
  std::vector<std::pair<const ConnectorEntry*, std::optional<Capabilities>>> found;
  for (const ConnectorEntry* entry : all_connectors()) {
    const std::optional<Capabilities> capabilities = ask_capabilities(find_connector(entry->name)).capabilities;
    if (!capabilities || capabilities->has_deadline())
      found.emplace_back(entry, capabilities);  // a connector that cannot be created is shown as skipped
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const auto ways = with_deadline();
  for (const milliseconds timeout : timeouts) {
    const std::string after = format_duration(timeout);
    benchmark::RegisterBenchmark(fmt::format("timeout/clock_nanosleep/{}", after).c_str(),
                                 [timeout](benchmark::State& state) { sleep_overshoot(state, timeout); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
    for (const auto& [connector, capabilities] : ways) {
      const Case what{.scenario = "steady",
                      .connector = std::string(connector->name),
                      .target = "backlog-full",
                      .concurrency = most_in_flight,
                      .attempts = attempts,
                      .timeout = timeout};
      benchmark::RegisterBenchmark(
          fmt::format("timeout/{}/{}", what.connector, after).c_str(),
          [what, capabilities = capabilities](benchmark::State& state) { overshoot(state, what, capabilities); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
  return bench_main(argc, argv);
}
