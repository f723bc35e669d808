// What this process inherited from its parent that changes what is measured. docs/inherited-state.md has the whole
// list.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// Priority, processors, filters, signals, variables: `environment.process` of run.json. What cannot be read is null.
nlohmann::ordered_json read_inherited_state();
/// As the first call of this function read it. A lab hides some of it: call it in main() first.
const nlohmann::ordered_json& inherited_state();

/// One warning for each thing that makes figures differ from those of a process that was started as usual.
/// `timer_slack`: that of the process.
std::vector<std::string> inherited_state_warnings(const nlohmann::ordered_json& state, Duration timer_slack);

}  // namespace connbench
