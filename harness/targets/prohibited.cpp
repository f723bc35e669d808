#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry prohibited;
const TargetEntry prohibited{
    .name = "prohibited",
    .summary = "a route prohibits it: the local kernel says so at once",
    .families = ip_families,
    .needs_lab = true,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::not_permitted}; },
    .open = [](const TargetRequest& request) { return lab::unserved(request, lab::Block::prohibited); },
};

}  // namespace connbench::targets
