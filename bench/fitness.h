// Whether this machine is fit to measure at this moment, for `connbench doctor`.
#pragma once

#include <string>
#include <vector>

#include "bench/findings.h"
#include "harness/machine/interference.h"

namespace connbench {

/// What keeps a measurement from being undisturbed.
struct Fitness {
  std::vector<Finding> findings;
  std::vector<std::string> unfit;  ///< why the machine is not fit, in words; empty when nothing was seen
};

/// @param load the load of the last minute; -1 = unknown
/// @param steal_since_boot as Interference::steal_share
Fitness judge_fitness(const Interference& seen, double load, std::optional<double> steal_since_boot);

/// Looks at the machine for a fifth of a second. @param watch begun a while ago
Fitness examine_fitness(InterferenceWatch& watch);

}  // namespace connbench
