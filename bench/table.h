// The result of a run as a person reads it: one table per target and load, one line per connector.
#pragma once

#include <string>
#include <vector>

#include "bench/columns.h"
#include "harness/run/session.h"

namespace connbench {

/// All results and skips, `width` columns wide at most. In closed loop the tables compare rate and CPU; they show
/// latency only where it may be compared: with one attempt in flight, or in open loop.
std::string result_table(const std::vector<CaseResult>& results, const std::vector<SkippedCase>& skipped, size_t width);

}  // namespace connbench
