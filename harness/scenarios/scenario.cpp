#include "harness/scenarios/scenario.h"

#include <fmt/format.h>

#include <stdexcept>

namespace connbench {

ChosenScenario find_scenario(std::string_view arrival) {
  std::string forms;
  for (const ScenarioEntry* entry : all_scenarios()) {
    if (auto label = entry->label(arrival)) return {entry, *std::move(label)};
    fmt::format_to(std::back_inserter(forms), "{}{}", forms.empty() ? "" : ", ", entry->arrivals);
  }
  throw std::invalid_argument(fmt::format("unknown arrival '{}'; known: {}", arrival, forms));
}

}  // namespace connbench
