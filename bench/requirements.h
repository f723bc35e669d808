// What every measurement needs of this machine.
#pragma once

#include <vector>

#include "bench/findings.h"
#include "harness/run/local_site.h"

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

}  // namespace connbench
