#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry refused_far;
const TargetEntry refused_far{
    .name = "refused-far",
    .parameter = "D",
    .default_value = "20ms",
    .summary = "a closed port on a distant host: refused after a round trip of D",
    .families = ip_families,
    .needs_lab = true,
    .answers = true,
    .canonical = lab::canonical_round_trip,
    .round_trip = lab::parse_round_trip,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::refused}; },
    .open =
        [](const TargetRequest& request) {
          return lab::unserved_far(request, {.delay = lab::parse_round_trip(request.parameter) / 2});
        },
};

}  // namespace connbench::targets
