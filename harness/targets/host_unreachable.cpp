#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry host_unreachable;
const TargetEntry host_unreachable{
    .name = "host-unreachable",
    .parameter = "D",
    .default_value = "20ms",
    .summary = "a distant router reports the host as unreachable after a round trip of D",
    .families = ip_families,
    .needs_lab = true,
    .answers = true,
    .canonical = lab::canonical_round_trip,
    .round_trip = lab::parse_round_trip,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::unreachable}; },
    .open =
        [](const TargetRequest& request) {
          return lab::unserved_far(request, {.answer = lab::LinkRule::Answer::host_unreachable,
                                             .delay = lab::parse_round_trip(request.parameter) / 2});
        },
};

}  // namespace connbench::targets
