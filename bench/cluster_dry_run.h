// connbench cluster run --dry-run: what a run would take from each host, and what would stop it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/run_options.h"
#include "harness/run/plan.h"

namespace connbench {

/// What one host may use. A limit that is not known stops nothing.
struct HostLimits {
  std::optional<uint64_t> descriptors, ports, memory;
};

/// Reads "descriptors=1048576", "ports=28232" and "memory=64GiB". @throws std::invalid_argument that names --limits
HostLimits read_limits(const std::vector<std::string>& texts);

/// A host that connects, and its limits.
struct LimitedHost {
  std::string name;
  HostLimits limits;
};

/// What is printed: per case and host ports, descriptors, memory, samples and time, then what would stop the run.
struct DryRun {
  std::string text;
  bool stops = false;  ///< a limit is too low
};
/// @param servers how many hosts serve; 0 = each host has its own targets
/// @param keep_samples_above see ClusterOptions
DryRun dry_run(const RunOptions& options, const std::vector<LimitedHost>& hosts, size_t servers,
               uint64_t keep_samples_above, size_t width);

/// Whether every host keeps its own samples, because there are so many. A search for a rate looks at the samples of
/// each wave: they do not stay. @param plan as far as it is known when the run begins
bool samples_stay_on_hosts(const RunRequest& request, const Plan& plan, uint64_t keep_samples_above);

}  // namespace connbench
