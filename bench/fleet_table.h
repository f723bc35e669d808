// What dead hosts do to the healthy ones, as a person reads it.
#pragma once

#include <string>
#include <vector>

#include "harness/run/session.h"

namespace connbench {

/// One block per load, and in it, connector by connector, one line per mix and healthy target: how latency and rate
/// fall from line to line. "" when no result is of a fleet.
std::string fleet_tables(const std::vector<CaseResult>& results);

}  // namespace connbench
