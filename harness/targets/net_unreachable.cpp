#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry net_unreachable;
const TargetEntry net_unreachable{
    .name = "net-unreachable",
    .summary = "no route: the local kernel says so at once",
    .families = ip_families,
    .needs_lab = true,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::unreachable}; },
    .open = [](const TargetRequest& request) { return lab::unserved(request, lab::Block::no_route); },
};

}  // namespace connbench::targets
