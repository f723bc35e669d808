#include "harness/scenarios/scenario.h"

#include <fmt/format.h>

#include <iterator>
#include <stdexcept>
#include <utility>

#include "harness/support/quantity.h"

namespace connbench {

ChosenScenario find_scenario(std::string_view arrival) {
  std::string forms;
  for (const ScenarioEntry* entry : all_scenarios()) {
    if (auto label = entry->label(arrival)) return {entry, *std::move(label)};
    forms += fmt::format("{}{}", forms.empty() ? "" : ", ", entry->arrivals);
  }
  throw std::invalid_argument(fmt::format("unknown arrival '{}'; the known forms are: {}", arrival, forms));
}

std::optional<double> offered_rate(std::string_view arrival) {
  const size_t colon = arrival.find(':');
  return colon == std::string_view::npos ? std::nullopt : std::optional(parse_rate(arrival.substr(colon + 1)));
}

std::string canonical_arrival(std::string_view arrival) {
  const auto rate = offered_rate(arrival);
  return rate ? fmt::format("{}:{}", arrival.substr(0, arrival.find(':')), format_rate(*rate)) : std::string(arrival);
}

Duration last_due(std::string_view arrival, uint64_t seed, size_t attempts) {
  const auto pacing = find_scenario(arrival).entry->pacing(arrival, seed);
  Duration last{};
  if (!pacing->open_loop()) return last;
  for (size_t i = 0; i < attempts; ++i) last = pacing->next_due();
  return last;
}

}  // namespace connbench
