// The `context` of Google Benchmark's JSON, for this machine.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace connbench {

/// date, host_name, executable, num_cpus, mhz_per_cpu, cpu_scaling_enabled, caches, load_avg, library_build_type. Facts
/// that the machine does not reveal are left out, except `caches`, which some readers require.
nlohmann::ordered_json benchmark_context();

}  // namespace connbench
