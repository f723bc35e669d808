// The result as a person reads it: one block per target and load, one line per connector.
#pragma once

#include <string>
#include <vector>

#include "bench/columns.h"
#include "harness/run/session.h"

namespace connbench {

/// All results and skips. In closed loop it compares rate and CPU; latency stands in it only where it may be compared:
/// with one attempt in flight, or in open loop.
std::string result_table(const std::vector<CaseResult>& results, const std::vector<SkippedCase>& skipped);

}  // namespace connbench
