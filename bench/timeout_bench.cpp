// How late each connector gives up on a host that never answers, and how late clock_nanosleep wakes on this machine.
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

// Few in flight: when all deadlines coincide, the last one is late mostly because of the work for the ones before it.
constexpr size_t in_flight = 8;
constexpr size_t attempts = 40;

void sleep_overshoot(benchmark::State& state, Duration timeout) {
  std::vector<int64_t> late;
  for ([[maybe_unused]] auto _ : state) {
    const TimePoint start = now();
    const timespec until = to_timespec(start + timeout);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    const Duration took = now() - start;
    late.push_back((took - timeout).count());
    state.SetIterationTime(std::chrono::duration<double>(took).count());
  }
  const Percentiles found = percentiles(late);
  if (found.p50) state.counters["overshoot_p50_us"] = static_cast<double>(*found.p50) / 1e3;
  if (found.p90) state.counters["overshoot_p90_us"] = static_cast<double>(*found.p90) / 1e3;
}

void overshoot(benchmark::State& state, const Case& what, const std::optional<Capabilities>& capabilities) {
  if (capabilities && capabilities->floor > what.timeout)
    return state.SkipWithError(
        fmt::format("skipped: cannot keep a deadline shorter than {}", format_duration(capabilities->floor)).c_str());
  run_waves(state, what);
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
      const Case what{.scenario = "burst",
                      .connector = std::string(connector->name),
                      .target = "backlog-full",
                      .concurrency = in_flight,
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
