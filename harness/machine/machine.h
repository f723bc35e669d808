// Facts about this machine, as the kernel reports them: for run.json, for the doctor, and for code that must stay below
// limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// Kernel, processors, memory, load, limits, sysctls, build and libraries. Facts that this machine lacks are null.
nlohmann::ordered_json describe_machine();

/// How busy the machine is: load averages, and its softirq and steal time since boot. Recorded before and after a run.
nlohmann::ordered_json describe_load();

/// The value of e.g. "net.core.somaxconn", as `sysctl -n` prints it; net.* is that of the current network namespace.
/// nullopt when it does not exist or cannot be read.
std::optional<std::string> sysctl(const std::string& name);

/// Ports, both ends included.
struct PortRange {
  uint16_t first;
  uint16_t last;
  size_t size() const noexcept { return size_t{last} - first + 1; }
  bool contains(uint16_t port) const noexcept { return first <= port && port <= last; }
};
/// The ports that the kernel assigns to clients: net.ipv4.ip_local_port_range, which holds for IPv6 too.
/// @throws std::system_error when it cannot be read
PortRange ephemeral_ports();
/// Ports that the kernel assigns to no client although they may be in that range: net.ipv4.ip_local_reserved_ports.
std::vector<PortRange> reserved_ports();
/// How many ports the kernel assigns to clients: those of ephemeral_ports() that are not reserved. @throws as that
size_t ephemeral_port_count();
/// The lowest port that needs no privilege: net.ipv4.ip_unprivileged_port_start, usually 1024.
uint16_t first_unprivileged_port() noexcept;

/// A bound, what sets it, and how to raise it.
struct Limit {
  uint64_t value;
  std::string name;          ///< "RLIMIT_NPROC", "pids.max of /sys/fs/cgroup/…", "kernel.threads-max", …
  std::string how_to_raise;  ///< a command, or where to look
};

/// How many more threads this process can make: the tightest bound, apart from memory and address space.
Limit thread_limit();

/// The folders of the cgroups through which a controller ("pids", "cpu") may bound this process. For each mounted
/// hierarchy that may have it: the process's own group, then its ancestors.
std::vector<std::string> cgroups_of(std::string_view controller);

/// How many descriptors this process may have: the soft RLIMIT_NOFILE.
Limit descriptor_limit();
/// Raises it to the hard limit. @return the soft limit that holds now
uint64_t raise_descriptor_limit() noexcept;

/// How late the kernel may end this thread's timed waits.
Duration timer_slack() noexcept;
/// Sockets in TIME_WAIT in the current network namespace; -1 when that cannot be read.
int64_t time_wait_sockets() noexcept;
/// TCP sockets that listen, connect or are connected there, over IPv4 and IPv6; -1 when that cannot be read.
int64_t tcp_sockets_in_use() noexcept;

}  // namespace connbench
