// Attempts arrive at a given rate, regardless of how the earlier ones are doing. Latency counts from the intended
// start.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/scenarios/scenario.h"
#include "harness/support/quantity.h"

namespace connbench::scenarios {
namespace {

constexpr std::string_view uniform = "uniform:";
constexpr std::string_view poisson = "poisson:";

double rate_of(std::string_view arrival) {
  return parse_rate(arrival.substr(arrival.find(':') + 1));
}

std::optional<std::string> label(std::string_view arrival) {
  if (!arrival.starts_with(uniform) && !arrival.starts_with(poisson)) return std::nullopt;
  return fmt::format("steady:{}:{}", arrival.substr(0, arrival.find(':')), format_rate(rate_of(arrival)));
}

std::optional<double> attempts(std::string_view arrival, std::optional<Duration> within) {
  if (!within) return std::nullopt;
  return rate_of(arrival) * std::chrono::duration<double>(*within).count();
}

std::unique_ptr<Pacing> pacing(std::string_view arrival, uint64_t seed) {
  if (arrival.starts_with(uniform)) return uniform_arrivals(rate_of(arrival));
  return poisson_arrivals(rate_of(arrival), seed);
}

}  // namespace

extern const ScenarioEntry steady;
const ScenarioEntry steady{
    .name = "steady",
    .arrivals = "uniform:RATE/s, poisson:RATE/s",
    .summary = "open loop: attempts are due at a given rate, evenly spaced or at random (seeded)",
    .label = label,
    .pacing = pacing,
    .rate = [](std::string_view arrival) { return std::optional(rate_of(arrival)); },
    .attempts = attempts,
};

}  // namespace connbench::scenarios
