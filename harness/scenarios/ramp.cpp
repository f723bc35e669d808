// A rate that grows or falls during the wave: at which rate does a queue begin to grow, in a single wave?
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "harness/scenarios/scenario.h"
#include "harness/support/quantity.h"

namespace connbench::scenarios {
namespace {

constexpr std::string_view prefix = "ramp:";
constexpr std::string_view to = "..";

// "ramp:1000/s..20000/s:30s"
Ramp parse(std::string_view arrival) {
  const std::string_view text = arrival.substr(prefix.size());
  const size_t dots = text.find(to);
  const size_t colon = text.rfind(':');
  if (dots == std::string_view::npos || colon == std::string_view::npos || colon < dots)
    throw std::invalid_argument(fmt::format(
        "'{}' should look like ramp:1000/s..20000/s:30s: two rates, and how long the rate takes to change", arrival));
  const std::string_view last = text.substr(dots + to.size(), colon - dots - to.size());
  return {.from_per_s = parse_rate(text.substr(0, dots)),
          .to_per_s = parse_rate(last),
          .lasts = parse_duration(text.substr(colon + 1), up_to_a_day, "s")};
}

std::optional<std::string> label(std::string_view arrival) {
  if (!arrival.starts_with(prefix)) return std::nullopt;
  const Ramp ramp = parse(arrival);
  return fmt::format("{}{}{}{}:{}", prefix, format_rate(ramp.from_per_s), to, format_rate(ramp.to_per_s),
                     format_duration(ramp.lasts));
}

// Until the rate has changed, or within a shorter or longer time.
std::optional<double> attempts(std::string_view arrival, std::optional<Duration> within) {
  const Ramp ramp = parse(arrival);
  if (!within) return ramp.attempts();
  const double lasts_s = std::chrono::duration<double>(ramp.lasts).count();
  const double time_s = std::chrono::duration<double>(*within).count();
  const double on_ramp_s = std::min(time_s, lasts_s);
  const double slope = (ramp.to_per_s - ramp.from_per_s) / lasts_s;
  return (ramp.from_per_s + slope * on_ramp_s / 2) * on_ramp_s + (time_s - on_ramp_s) * ramp.to_per_s;
}

}  // namespace

extern const ScenarioEntry ramp;
const ScenarioEntry ramp{
    .name = "ramp",
    .arrivals = "ramp:RATE/s..RATE/s:TIME",
    .summary = "open loop: evenly spaced attempts whose rate changes evenly over a time, and then stays",
    .label = label,
    .pacing = [](std::string_view arrival, uint64_t) { return ramp_arrivals(parse(arrival)); },
    .rate =
        [](std::string_view arrival) {
          const Ramp wanted = parse(arrival);
          return std::optional(std::max(wanted.from_per_s, wanted.to_per_s));
        },
    .attempts = attempts,
};

}  // namespace connbench::scenarios
