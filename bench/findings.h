// What `connbench doctor` finds out about this machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/machine/processors.h"

namespace connbench {

/// What was looked at, what was seen, and what to do about it where that may be wanted.
struct Finding {
  std::string subject, value, remedy;
};

struct ConnectorFinding {
  std::string name;
  std::string skip_reason;  ///< "" = it can be used
};

/// A processor for each side of a measurement, which a process may be confined to. nullopt when only one is available,
/// or sched_setaffinity() is refused. Call it while this process has one thread.
std::optional<SuggestedCpus> usable_suggested_cpus();

/// Limits and features.
std::vector<Finding> examine_machine();

/// How many attempts can wait at one time for hosts that never answer, and what bounds them. Measures in a lab where
/// one can be made: call it while this process has one thread.
std::vector<Finding> examine_capacity();

/// Makes each connector in a child: call it while this process has one thread.
std::vector<ConnectorFinding> examine_connectors();

}  // namespace connbench
