// How fast each connector connects: connector × target × concurrency, one wave in a fresh process per iteration. The
// time is the wave's makespan; items_per_second is attempts per second. Takes the usual --benchmark_* flags.
#include <fmt/format.h>

#include "bench/bench_support.h"

int main(int argc, char** argv) {
  using namespace connbench;
  for (const ConnectorEntry* connector : all_connectors())
    for (const char* target : {"accepting", "refusing"})
      for (const size_t concurrency : {size_t{1}, size_t{64}, size_t{256}}) {
        const Case what{.scenario = "burst",
                        .connector = std::string(connector->name),
                        .target = target,
                        .concurrency = concurrency,
                        .attempts = 2000,
                        .timeout = std::chrono::seconds(1)};
        const std::string name = fmt::format("connect/{}/{}/concurrency:{}", what.connector, target, concurrency);
        benchmark::RegisterBenchmark(name.c_str(), [what](benchmark::State& state) { run_waves(state, what); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
  return bench_main(argc, argv);
}
