// The result as a person reads it: one block per target and load, one line per connector.
#pragma once

#include <string>
#include <vector>

#include "harness/session.h"

namespace connbench {

/// A table with aligned columns; the first row is the heading. Columns of figures are flush right.
std::string align(const std::vector<std::vector<std::string>>& rows);

/// All results and skips. In closed loop it compares rate and CPU; latency stands in it only where it may be compared:
/// with one attempt in flight, or in open loop.
std::string result_table(const std::vector<CaseResult>& results, const std::vector<SkippedCase>& skipped);

}  // namespace connbench
