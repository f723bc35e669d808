// How much memory this process may use: the machine has some, and a cgroup may allow less.
#pragma once

#include <optional>

#include "harness/machine/machine.h"

namespace connbench {

/// All that it may ever use, in bytes: MemTotal, or memory.max of a cgroup. nullopt when neither can be read.
std::optional<Limit> memory_limit();
/// What is left of it now: MemAvailable, or what memory.max leaves. The page cache that the kernel can drop counts as
/// free. nullopt when neither can be read.
std::optional<Limit> memory_available();

}  // namespace connbench
