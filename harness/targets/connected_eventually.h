// The expected outcomes of targets that let some attempts wait.
#pragma once

#include "harness/targets/target.h"

namespace connbench {

/// Connected eventually, unless the wait ends first. For TargetEntry::expected_outcomes.
inline OutcomeSet connected_eventually(Family) {
  using enum Outcome;
  return {connected, deadline_exceeded, peer_timeout, cancelled, never_started};
}

}  // namespace connbench
