// Healthy and dead hosts in one queue for one bounded resource: an attempt that is stuck on a dead host occupies a
// place that a healthy one is waiting for.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/scenarios/mix.h"
#include "harness/scenarios/scenario.h"

namespace connbench::scenarios {
namespace {

constexpr std::string_view prefix = "fleet:";

// "accepting=90,delayed:20ms=10:poisson:5000/s": a target's name may contain a colon, its share does not. So the
// arrival follows the first colon after the last "=".
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

std::optional<double> rate(std::string_view load) {
  return offered_rate(split(load).arrival);
}

std::optional<double> attempts(std::string_view load, std::optional<Duration> within) {
  const std::string_view arrival = split(load).arrival;
  return within ? attempts_within(arrival, *within) : usual_attempts(arrival);
}

}  // namespace

extern const ScenarioEntry fleet;
const ScenarioEntry fleet{
    .name = "fleet",
    .arrivals = "--mix TARGET=PERCENT,…",
    .summary = "several targets in one queue: how dead hosts hold up healthy ones; works with any --arrival",
    .label = label,
    .pacing = pacing,
    .rate = rate,
    .attempts = attempts,
};

}  // namespace connbench::scenarios
