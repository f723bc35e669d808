// Many attempts at the same moment, again and again: what a restart, a cron job or a retry without jitter does.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "harness/scenarios/scenario.h"
#include "harness/support/quantity.h"

namespace connbench::scenarios {
namespace {

constexpr std::string_view prefix = "burst:";
constexpr Range<uint64_t> sizes{1, 100'000'000};

struct Bursts {
  size_t size;
  Duration interval;
};

// "burst:500@1s"
Bursts parse(std::string_view arrival) {
  const std::string_view text = arrival.substr(prefix.size());
  const size_t at = text.find('@');
  if (at == std::string_view::npos)
    throw std::invalid_argument(fmt::format(
        "'{}' should look like burst:500@1s: a number of attempts, and the time from one burst to the next", arrival));
  return {.size = parse_count(text.substr(0, at), sizes),
          .interval = parse_duration(text.substr(at + 1), up_to_a_day, "s")};
}

std::optional<std::string> label(std::string_view arrival) {
  if (!arrival.starts_with(prefix)) return std::nullopt;
  const Bursts bursts = parse(arrival);
  return fmt::format("{}{}@{}", prefix, bursts.size, format_duration(bursts.interval));
}

// Whole bursts: the first one comes at once.
std::optional<double> attempts(std::string_view arrival, std::optional<Duration> within) {
  if (!within) return std::nullopt;
  const Bursts bursts = parse(arrival);
  const int64_t number = (within->count() + bursts.interval.count() - 1) / bursts.interval.count();
  return static_cast<double>(bursts.size) * static_cast<double>(number);
}

}  // namespace

extern const ScenarioEntry bursts;
const ScenarioEntry bursts{
    .name = "bursts",
    .arrivals = "burst:N@TIME",
    .summary = "open loop: N attempts at the same moment, and N more after each TIME",
    .label = label,
    .pacing =
        [](std::string_view arrival, uint64_t) {
          const Bursts wanted = parse(arrival);
          return burst_arrivals(wanted.size, wanted.interval);
        },
    .rate = [](std::string_view) { return std::optional(std::numeric_limits<double>::infinity()); },
    .attempts = attempts,
};

}  // namespace connbench::scenarios
