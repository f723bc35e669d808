#include "harness/scenarios/scenario.h"

#include <fmt/format.h>

#include <iterator>
#include <stdexcept>
#include <utility>

namespace connbench {

ChosenScenario find_scenario(std::string_view arrival) {
  std::string forms;
  for (const ScenarioEntry* entry : all_scenarios()) {
    if (auto label = entry->label(arrival)) return {entry, *std::move(label)};
    forms += fmt::format("{}{}", forms.empty() ? "" : ", ", entry->arrivals);
  }
  throw std::invalid_argument(fmt::format("unknown arrival '{}'; the known forms are: {}", arrival, forms));
}

Duration last_due(std::string_view arrival, uint64_t seed, size_t attempts) {
  const auto pacing = find_scenario(arrival).entry->pacing(arrival, seed);
  Duration last{};
  if (!pacing->open_loop()) return last;
  for (size_t i = 0; i < attempts; ++i) last = pacing->next_due();
  return last;
}

}  // namespace connbench
