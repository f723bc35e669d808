#include "harness/targets/served_target.h"

namespace connbench::targets {

/// Bound but never listening: the port is reserved, and every SYN is answered with an RST.
extern const TargetEntry refusing;
const TargetEntry refusing{
    .name = "refusing",
    .summary = "a closed port: every connect is refused",
    .families = every_family,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::refused}; },
    .open = [](const TargetRequest& request) -> std::unique_ptr<Target> {
      return std::make_unique<ServedTarget>(bind_loopback(request), request.cpus, hold_open);
    },
};

}  // namespace connbench::targets
