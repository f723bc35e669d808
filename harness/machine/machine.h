// Facts about this machine, asked of the kernel: for run.json, for the doctor, and for those who must stay below
// limits.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// Kernel, processors, memory, load, limits, sysctls, build and libraries. What this machine lacks is null.
nlohmann::ordered_json describe_machine();

/// What else goes on here: load averages, and the machine's softirq and steal time since it started. Read before and
/// after a run.
nlohmann::ordered_json describe_load();

/// "net.core.somaxconn" → its value, as `sysctl -n` prints it; net.* is that of the current network namespace.
/// nullopt when it does not exist or cannot be read.
std::optional<std::string> sysctl(const std::string& name);

/// Ports, both ends included.
struct PortRange {
  uint16_t first;
  uint16_t last;
  size_t size() const noexcept { return size_t{last} - first + 1; }
  bool contains(uint16_t port) const noexcept { return first <= port && port <= last; }
};
/// The ports that the kernel gives to clients: net.ipv4.ip_local_port_range, of IPv6 too.
/// @throws std::system_error when the kernel does not say
PortRange ephemeral_ports();

/// A bound, what sets it, and what to do about it.
struct Limit {
  uint64_t value;
  std::string name;          ///< "RLIMIT_NPROC", "pids.max of /sys/fs/cgroup/…", "kernel.threads-max", …
  std::string how_to_raise;  ///< a command, or whom to ask
};

/// How many more threads this process can make at most: the tightest of all bounds but memory and address space.
Limit thread_limit();

/// The cgroups that may bound this process's threads, as folders: of each mounted hierarchy that may have a pids
/// controller its own group first, then the ancestors.
std::vector<std::string> pids_cgroups();

/// The descriptors that this process may have: RLIMIT_NOFILE, soft.
Limit descriptor_limit();
/// Raises it to the hard limit, as far as it goes. Returns the soft limit that holds now.
uint64_t raise_descriptor_limit() noexcept;

/// Processors that are online, in ascending order.
std::vector<int> online_cpus();
/// How much later than asked the kernel may end this thread's waits.
Duration timer_slack() noexcept;
/// Sockets in TIME_WAIT in the current network namespace; -1 when the kernel does not say.
int64_t time_wait_sockets() noexcept;
/// TCP sockets there that listen, connect or are connected, IPv4 and IPv6; -1 when the kernel does not say.
int64_t tcp_sockets_in_use() noexcept;

}  // namespace connbench
