// What connectors do with the attempts that have ended since the last reap().
#pragma once

#include <cstddef>
#include <vector>

#include "harness/connector/connector.h"

namespace connbench {

/// Moves `done` to the end of `completions`, and returns how many there were. `done` keeps its capacity.
inline size_t move_completions(std::vector<Completion>& done, std::vector<Completion>& completions) {
  const size_t count = done.size();
  completions.insert(completions.end(), done.begin(), done.end());
  done.clear();
  return count;
}

}  // namespace connbench
