#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry no_arp;
const TargetEntry no_arp{
    .name = "no-arp",
    .summary = "an unused address on the local network: unreachable after some seconds",
    .families = ip_families,
    .needs_lab = true,
    .answers = false,
    .expected_outcomes =
        [](Family) {
          return OutcomeSet{Outcome::unreachable, Outcome::deadline_exceeded, Outcome::peer_timeout, Outcome::cancelled,
                            Outcome::never_started};
        },
    .open = [](const TargetRequest& request) { return lab::unserved(request, lab::Block::no_arp); },
};

}  // namespace connbench::targets
