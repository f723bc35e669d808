// What every measurement needs of this machine.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "bench/findings.h"
#include "harness/run/local_site.h"
#include "harness/run/plan.h"
#include "harness/run/tcp_memory.h"

namespace connbench {

/// What is missing here, each with its remedy; empty when a measurement can be made. Call it while this process has one
/// thread.
std::vector<Finding> missing_requirements();

/// Checks the same before anything else starts. The lab brings its own /proc; without a lab, see require_proc().
/// @throws MachineLacks
void require_machine();

/// Before measuring in the machine's own network. @throws MachineLacks when there is no /proc
void require_proc();

/// @throws MachineLacks when this process may not choose its processors
void require_placement(const Placement& placement);

/// The most attempts of a run that may be pending at once over TCP.
size_t most_pending(const RunRequest& request);

/// What --allow-tcp-memory allows, for so many pending attempts; nullptr when there is memory enough. Call it in the
/// initial network namespace, while this process has one thread. @throws MachineLacks when the limit cannot be raised
std::unique_ptr<TcpMemory> raise_tcp_memory(size_t pending);

}  // namespace connbench
