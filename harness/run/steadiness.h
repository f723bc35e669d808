// Whether the waves of one case agree with each other.
#pragma once

#include <string>
#include <vector>

#include "harness/run/session.h"

namespace connbench {

/// The longest wave of a case over the shortest above which the case is called unsteady. The speed of a machine drifts
/// by a factor of two within minutes.
inline constexpr double unsteady_ratio = 2;

/// One sentence about the cases whose waves differ by more, and what to do; "" when there are none. In a closed loop
/// waves differ in how long they took for the same attempts; in an open loop, where the load decides that, in the
/// median time to connect.
std::string unsteady_cases(const std::vector<CaseResult>& results, bool open_loop);

}  // namespace connbench
