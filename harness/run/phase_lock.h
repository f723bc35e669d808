// Loads whose arrivals keep step with their deadlines or answers. There, one attempt's wake-up serves another one, so
// that the figures are those of the load and not of the connector.
#pragma once

#include <string>
#include <vector>

#include "harness/run/plan.h"
#include "harness/support/clock.h"

namespace connbench {

/// Whether what happens `after` the start of an attempt coincides with the start of a later one, if they start every
/// `interval`: `after` is within an eighth of the interval, and within 100 µs, of a whole number of intervals. That is
/// how exactly a wake-up must come to be of use to the other. It must also be rare enough to matter: with an interval
/// of 50 µs or less, which is the usual timer slack, some attempt starts just after any deadline.
bool is_phase_locked(Duration interval, Duration after) noexcept;

/// Before the run: loads in which deadlines, or the answers of a target with a fixed round trip, coincide with starts.
/// One warning per load, however many connectors have it.
std::vector<std::string> phase_warnings(const RunRequest& request, const std::vector<PlannedCase>& cases);

}  // namespace connbench
