// Several questions at once, each in a child process of its own.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "harness/process/ask_in_child.h"
#include "harness/support/clock.h"

namespace connbench::probe {

using Job = std::function<std::string()>;

/// Runs each job in a forked child, in their order, at most `at_once` at a time. `done` is told of each that ends, as
/// it ends: what the job returned, or why there is nothing (it threw, died, or took longer than `limit` and was
/// killed). False when `stop` (a descriptor; -1 = none) became readable: the children that ran were killed.
/// To be called while the process has one thread. No child outlives the call, or this process.
/// @throws std::system_error when no child can be made
bool run_in_children(std::span<const Job> jobs, size_t at_once, Duration limit, int stop,
                     const std::function<void(size_t, const ChildAnswer&)>& done);

}  // namespace connbench::probe
