// The rates that --find-rate found, as a person reads them.
#pragma once

#include <string>
#include <vector>

#include "harness/run/session.h"

namespace connbench {

/// One table per target and load, one line per connector, `width` columns wide at most.
std::string rate_table(const RunRequest& request, const std::vector<RateResult>& results,
                       const std::vector<SkippedCase>& skipped, size_t width);

}  // namespace connbench
