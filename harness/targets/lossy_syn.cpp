#include "harness/targets/connected_eventually.h"
#include "harness/targets/far_target.h"

namespace connbench::targets {

extern const TargetEntry lossy_syn;
const TargetEntry lossy_syn{
    .name = "lossy-syn",
    .parameter = "K",
    .default_value = "1",
    .summary = "accepts; the first K SYNs of each connection are lost",
    .families = ip_families,
    .needs_lab = true,
    .answers = false,
    .canonical = lab::canonical_losses,
    .expected_outcomes = connected_eventually,
    .open =
        [](const TargetRequest& request) {
          return lab::accept_far(request, {.lose_syns = lab::parse_losses(request.parameter)});
        },
};

}  // namespace connbench::targets
