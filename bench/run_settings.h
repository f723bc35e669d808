// What a run was asked for, as a record, and the same again (connbench run --repeat).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bench/run_flags.h"
#include "harness/run/plan.h"

namespace connbench {

/// The key `settings` of run.json: the value of every flag that decides what is measured, by its name without dashes.
/// The connectors are those that were chosen, and the seed is the one that was used. Where records and messages go is
/// left out.
nlohmann::ordered_json settings_of(RunFlags flags, const RunRequest& request);

/// With --repeat, the flags of that run, and of the given ones those that settings_of() leaves out; else `given`.
/// @throws std::invalid_argument when the run's record does not say what it was asked for
RunFlags with_repeated(const RunFlags& given);

/// What settings_of() has kept, as flags. @throws std::invalid_argument for what this program does not know
void take_settings(const nlohmann::ordered_json& settings, RunFlags& flags);

}  // namespace connbench
