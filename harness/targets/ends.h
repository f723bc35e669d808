// How attempts end on targets that let some of them wait.
#pragma once

#include "harness/targets/target.h"

namespace connbench {

/// Connected sooner or later, unless the waiting is ended first. For TargetEntry::ends.
inline OutcomeSet connected_in_the_end(Family) {
  using enum Outcome;
  return {connected, deadline_exceeded, peer_timeout, cancelled, never_started};
}

}  // namespace connbench
