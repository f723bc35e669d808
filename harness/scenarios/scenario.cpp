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

std::optional<double> offered_rate(std::string_view arrival) {
  return find_scenario(arrival).entry->rate(arrival);
}

std::optional<double> attempts_within(std::string_view arrival, Duration time) {
  return find_scenario(arrival).entry->attempts(arrival, time);
}

std::optional<double> usual_attempts(std::string_view arrival) {
  return find_scenario(arrival).entry->attempts(arrival, std::nullopt);
}

// The label of an open loop is its canonical spelling, behind a word of its own for a constant rate.
std::string canonical_arrival(std::string_view arrival) {
  constexpr std::string_view steady = "steady:";
  const std::string label = find_scenario(arrival).label;
  if (arrival.find(':') == std::string_view::npos) return std::string(arrival);
  return label.starts_with(steady) ? label.substr(steady.size()) : label;
}

Duration last_due(std::string_view arrival, uint64_t seed, size_t attempts) {
  const auto pacing = find_scenario(arrival).entry->pacing(arrival, seed);
  Duration last{};
  if (!pacing->open_loop()) return last;
  for (size_t i = 0; i < attempts; ++i) last = pacing->next_due();
  return last;
}

}  // namespace connbench
