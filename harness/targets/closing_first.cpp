#include "harness/targets/accept_server.h"

namespace connbench::targets {

extern const TargetEntry closing_first;
const TargetEntry closing_first{
    .name = "closing-first",
    .summary = "accepts, then closes the connection at once (FIN)",
    .families = ip_families,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::connected}; },
    .open = [](const TargetRequest& request) { return accept_on(bind_loopback(request), request, AfterAccept::close); },
};

}  // namespace connbench::targets
