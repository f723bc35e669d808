// Scenarios: how the load arrives. One per file; the table is written by CMake (registry.cmake).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/wave/pacing.h"

namespace connbench {

struct ScenarioEntry {
  std::string_view name;      ///< "burst"
  std::string_view arrivals;  ///< the forms of --arrival that choose it: "closed"
  std::string_view summary;   ///< one line for `connbench list`
  /// The label for the records ("steady:poisson:5000/s") when `arrival` chooses this scenario, nullopt when not.
  /// @throws std::invalid_argument when it does, but cannot be read
  std::optional<std::string> (*label)(std::string_view arrival);
  /// The schedule of one wave.
  std::unique_ptr<Pacing> (*pacing)(std::string_view arrival, uint64_t seed);
};

/// All scenarios of this build.
std::span<const ScenarioEntry* const> all_scenarios();

/// The scenario that `arrival` chooses, and its label. @throws std::invalid_argument that lists the known forms
struct ChosenScenario {
  const ScenarioEntry* entry;
  std::string label;
};
ChosenScenario find_scenario(std::string_view arrival);

}  // namespace connbench
