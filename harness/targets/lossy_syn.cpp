#include "harness/targets/ends.h"
#include "harness/targets/far_target.h"

namespace connbench::targets_table {

extern const TargetEntry lossy_syn;
const TargetEntry lossy_syn{
    .name = "lossy-syn",
    .parameter = "K",
    .fallback = "1",
    .summary = "accepts; the first K SYNs of each connection are lost",
    .families = ip_families,
    .needs_lab = true,
    .answers = false,
    .check = lab::check_losses,
    .ends = connected_in_the_end,
    .open =
        [](const TargetRequest& request) {
          return lab::accept_far(request, {.lose_syns = lab::parse_losses(request.parameter)});
        },
};

}  // namespace connbench::targets_table
