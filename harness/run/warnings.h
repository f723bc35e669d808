// What a person should know before believing a row, and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "harness/record/summary.h"
#include "harness/run/plan.h"

namespace connbench {

/// Judged once per case, before it runs: ports that will not suffice.
std::vector<std::string> port_warnings(const RunRequest& request, const PlannedCase& planned, size_t destinations);

/// Judged over all timed waves of one case: outcomes that the target does not explain, a server that was the
/// bottleneck. At most one sentence each.
std::vector<std::string> case_warnings(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows);

/// How often listen queues overflowed during a case's waves, where connections are accepted: the kernel counts for the
/// whole network namespace, and elsewhere it is hardly ours.
int64_t listen_overflows(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows);
/// One sentence over all cases and their overflows; "" = there were none.
std::string overflow_warning(const std::vector<std::pair<const PlannedCase*, int64_t>>& overflows);

/// Whether an attempt of the row ended in a way that its target does not explain.
bool has_unexplained_outcome(const PlannedCase& planned, const SummaryRow& row);

}  // namespace connbench
