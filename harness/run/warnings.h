// Warnings: what a reader must know before trusting a row, and what to do about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness/process/suspension_watch.h"
#include "harness/record/summary.h"
#include "harness/run/plan.h"

namespace connbench {

/// Before a case runs: too few ephemeral ports. @param destinations addresses that its connections are spread over
std::vector<std::string> port_warnings(const RunRequest& request, const PlannedCase& planned, size_t destinations);

/// After all timed waves of a case: outcomes that the target does not explain, a wave that had no room left, and a
/// server that was the bottleneck. At most one warning each.
std::vector<std::string> case_warnings(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows);

/// That the run was suspended. @param wave during which it was; nullptr = between two timed waves
std::string suspension_warning(const Suspension& seen, const WaveResult* wave);

/// How often listen queues overflowed during the waves of a case. 0 unless its target accepts connections: the kernel
/// counts for the whole network namespace, so an overflow would hardly be caused by this case.
int64_t listen_overflows(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows);
/// One warning about the overflows of all cases; "" when there were none.
std::string overflow_warning(const std::vector<std::pair<const PlannedCase*, int64_t>>& overflows);

/// Whether any attempt of the row ended in a way that its target does not explain.
bool has_unexplained_outcome(const PlannedCase& planned, const SummaryRow& row);

}  // namespace connbench
