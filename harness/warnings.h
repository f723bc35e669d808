// What a person should know before believing a row, and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "harness/plan.h"
#include "harness/record/summary.h"

namespace connbench {

/// Judged once per case, before it runs: ports that will not suffice.
std::vector<std::string> port_warnings(const RunRequest& request, const PlannedCase& planned, size_t destinations);

/// Judged over all timed waves of one case: outcomes that the target does not explain, a server that overflowed or was
/// the bottleneck, children that failed. At most one sentence each.
std::vector<std::string> case_warnings(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows);

/// Whether an attempt of the row ended in a way that its target does not explain.
bool has_unexplained_outcome(const PlannedCase& planned, const SummaryRow& row);

/// "epoll on accepting (4, 256 in flight, 1s)".
std::string describe(const Case& what);

}  // namespace connbench
