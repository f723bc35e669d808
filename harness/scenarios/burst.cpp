// Everything is wanted at once, with a bound on the attempts in flight: when one ends, the next begins.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/scenarios/scenario.h"

namespace connbench::scenarios {
namespace {

std::optional<std::string> label(std::string_view arrival) {
  return arrival == "closed" ? std::optional<std::string>("burst") : std::nullopt;
}

std::unique_ptr<Pacing> pacing(std::string_view, uint64_t) {
  return closed_loop();
}

}  // namespace

extern const ScenarioEntry burst;
const ScenarioEntry burst{
    .name = "burst",
    .arrivals = "closed",
    .summary = "closed loop: as fast as the connector can go, with at most --concurrency in flight",
    .label = label,
    .pacing = pacing,
};

}  // namespace connbench::scenarios
