#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry blackhole;
const TargetEntry blackhole{
    .name = "blackhole",
    .summary = "SYNs vanish without an answer",
    .families = ip_families,
    .needs_lab = true,
    .answers = false,
    .expected_outcomes =
        [](Family) {
          return OutcomeSet{Outcome::deadline_exceeded, Outcome::peer_timeout, Outcome::cancelled,
                            Outcome::never_started};
        },
    .open = [](const TargetRequest& request) { return lab::unserved(request, lab::Block::blackhole); },
};

}  // namespace connbench::targets
