// Runs several jobs at once, each in its own child process.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "harness/process/ask_in_child.h"
#include "harness/support/clock.h"

namespace connbench::probe {

using Job = std::function<std::string()>;

/// Runs each job in a forked child, in order, at most `at_once` at a time. `done` is called for each job when it ends,
/// with what the job returned, or why there is no result: it threw, died, or was killed after `limit`. Returns false
/// when `stop` (a descriptor; -1 = none) became readable; the running children were then killed. No child outlives the
/// call or this process. Call this while the process has a single thread.
/// @throws std::system_error when no child can be created
bool run_in_children(std::span<const Job> jobs, size_t at_once, Duration limit, int stop,
                     const std::function<void(size_t, const ChildAnswer&)>& done);

}  // namespace connbench::probe
