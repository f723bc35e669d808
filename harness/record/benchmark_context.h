// The `context` of Google Benchmark's JSON, asked of this machine.
#pragma once

#include <nlohmann/json.hpp>

namespace connbench {

/// date, host_name, executable, num_cpus, mhz_per_cpu, cpu_scaling_enabled, caches, load_avg, library_build_type. What
/// the machine does not tell is left out; `caches` is always there, since some readers demand it.
nlohmann::ordered_json benchmark_context();

}  // namespace connbench
