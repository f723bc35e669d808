// What makes two machines of one kernel and processor differ: how the kernel was started, which mitigations it applies,
// what bounds this process's group, and what looks at its packets.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace connbench {

/// The command line of the kernel; null where it cannot be read.
nlohmann::ordered_json describe_kernel_command_line();

/// What the kernel does about each flaw of its processors, by the flaw's name ("spectre_v2"); null where it does not
/// say.
nlohmann::ordered_json describe_mitigations();

/// `memory_max`, `memory_high` (bytes) and `pids_max`: the tightest of the process's cgroup and of those above it;
/// null: no limit, or none that can be seen. (The processors are in describe_machine().)
nlohmann::ordered_json describe_cgroup_limits();

/// `conntrack_count` and `conntrack_max`: connections that the kernel tracks, null where it does not; `modules`: those
/// of packet filters that are loaded, null where that cannot be read. Rules are seen by root alone, and are not
/// recorded.
nlohmann::ordered_json describe_packet_filter();

}  // namespace connbench
