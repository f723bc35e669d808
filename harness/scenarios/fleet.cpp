// Healthy and dead hosts in one queue, before one bounded resource: whoever is stuck on a dead host takes a place that
// a healthy one waits for.
#include "harness/scenarios/mix.h"
#include "harness/scenarios/scenario.h"

namespace connbench::scenarios {
namespace {

constexpr std::string_view prefix = "fleet:";

// "accepting=90,delayed:20ms=10:poisson:5000/s": a target's name may have a colon, its share has none.
struct Load {
  std::string_view mix;
  std::string_view arrival;
};

Load split(std::string_view load) {
  load.remove_prefix(prefix.size());
  const size_t last_share = load.rfind('=');
  const size_t colon = last_share == std::string_view::npos ? last_share : load.find(':', last_share);
  if (colon == std::string_view::npos) return {load, "closed"};
  return {load.substr(0, colon), load.substr(colon + 1)};
}

std::optional<std::string> label(std::string_view load) {
  if (!load.starts_with(prefix)) return std::nullopt;
  const auto [mix, arrival] = split(load);
  find_scenario(arrival);
  return fleet_load(parse_mix(mix), arrival);
}

std::unique_ptr<Pacing> pacing(std::string_view load, uint64_t seed) {
  const std::string_view arrival = split(load).arrival;
  return find_scenario(arrival).entry->pacing(arrival, seed);
}

}  // namespace

extern const ScenarioEntry fleet;
const ScenarioEntry fleet{
    .name = "fleet",
    .arrivals = "--mix TARGET=PERCENT,…",
    .summary = "several targets in one queue: what dead hosts do to the healthy ones; with any --arrival",
    .label = label,
    .pacing = pacing,
};

}  // namespace connbench::scenarios
