// How attempts end on targets that let some of them wait.
#pragma once

#include "harness/targets/target.h"

namespace connbench {

/// Connected sooner or later, unless the waiting is ended first. For TargetEntry::expected_outcomes.
inline OutcomeSet connected_eventually(Family) {
  using enum Outcome;
  return {connected, deadline_exceeded, peer_timeout, cancelled, never_started};
}

}  // namespace connbench
