// Whether this machine can hold what a run asks of it. Checked before anything starts.
#pragma once

#include "harness/run/plan.h"

namespace connbench {

/// @throws MachineLacks (commands.h) that names the limit, its value, what is needed, and how to raise it
void require_capacity(const Plan& plan, CloseMode close);

}  // namespace connbench
