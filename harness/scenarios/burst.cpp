// Everything at once, a bounded number in flight: the next attempt begins when one has ended.
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
    .summary = "closed loop: as fast as the connector goes, never more than --concurrency in flight",
    .label = label,
    .pacing = pacing,
};

}  // namespace connbench::scenarios
