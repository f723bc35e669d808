// On which processors a process may run.
#pragma once

#include <sys/types.h>

#include <span>

namespace connbench {

/// Confines process `pid` (0: the calling thread) to `cpus`. Does nothing when `cpus` is empty.
/// @throws std::system_error, e.g. when none of them exists
void run_on(pid_t pid, std::span<const int> cpus);

}  // namespace connbench
