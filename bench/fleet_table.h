// What dead hosts do to the healthy ones, as a person reads it.
#pragma once

#include <string>
#include <vector>

#include "harness/run/session.h"
#include "harness/support/text_table.h"

namespace connbench {

/// One table per load; in it, one line per connector, mix and healthy target: how rate and latency change with the
/// mix. "" when no result is of a fleet.
std::string fleet_tables(const std::vector<CaseResult>& results, TableWriter& writer);

}  // namespace connbench
