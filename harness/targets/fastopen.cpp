// A far host that grants TCP Fast Open cookies. With +fastopen, the first connection to each of its addresses asks for
// one and is as slow as any other; from then on connect() returns 0 at once, before a SYN has left.
#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry fastopen;
const TargetEntry fastopen{
    .name = "fastopen",
    .parameter = "D",
    .default_value = "20ms",
    .summary = "accepts after a round trip of D, and grants TCP Fast Open cookies (+fastopen)",
    .families = ip_families,
    .needs_lab = true,
    .answers = true,
    .canonical = lab::canonical_round_trip,
    .round_trip = lab::parse_round_trip,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::connected}; },
    .open =
        [](const TargetRequest& request) {
          return lab::accept_far(request, {.delay = lab::parse_round_trip(request.parameter) / 2},
                                 lab::Fastopen::granted);
        },
};

}  // namespace connbench::targets
