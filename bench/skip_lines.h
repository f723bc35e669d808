// What was skipped, in as few lines as possible.
#pragma once

#include <string>
#include <vector>

#include "harness/run/plan.h"

namespace connbench {

/// "blackhole: skipped for all 28 connectors: REASON": connectors, targets and loads with the same reason share a
/// line. "" when nothing was skipped. @param run the cases that were not skipped
std::string skip_lines(const std::vector<const Case*>& run, const std::vector<SkippedCase>& skipped, size_t width);

/// "all 28 connectors", "null", "3 connectors (null, epoll, io-uring)". @param all how many the run has
std::string some_connectors(const std::vector<std::string>& names, size_t all);

}  // namespace connbench
