// The processors of this machine, and those that this process may use.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace connbench {

/// The processors on which the calling thread may run (sched_getaffinity: its own affinity and the cpuset of its
/// container), in ascending order. Never empty.
std::vector<int> available_cpus();

/// The processors that are online, in ascending order; empty when /sys does not show them. Not all of them need be
/// available.
std::vector<int> online_cpus();

/// A bound on the processor time of this process's cgroup, which throttles it for up to 100 ms at a time.
struct CpuQuota {
  double processors;         ///< as many, on average
  std::string name;          ///< the file that sets it
  std::string how_to_raise;  ///< a command, or where to look
};
/// The tightest one of this cgroup and its ancestors; nullopt when there is none.
std::optional<CpuQuota> cpu_quota();

/// A processor for each side of a measurement.
struct SuggestedCpus {
  int client, server;
  /// As the value of --cpus: "client=0,server=1".
  std::string text() const;
};
/// nullopt when only one processor is available.
std::optional<SuggestedCpus> suggested_cpus();

}  // namespace connbench
