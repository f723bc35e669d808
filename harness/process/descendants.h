// Processes that a foreign program has started, and that must not outlive it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// From now on processes whose parent has died become children of this process, and not of init.
void adopt_orphans() noexcept;

/// The number that /proc gives the process behind `pidfd`: another one than its pid here, where /proc belongs to
/// another PID namespace. -1 = it has ended, or /proc does not say.
pid_t number_in_proc(int pidfd) noexcept;

/// Kills the children of this process, then those that become its children by this, until none is left.
/// Call it after adopt_orphans(), while this process has one thread and no child that is to live on.
/// @param grace how long they may take to end by themselves first
/// @return the names of those that were killed
std::vector<std::string> end_children(Duration grace) noexcept;

}  // namespace connbench
