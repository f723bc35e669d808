#include "harness/targets/accept_server.h"

namespace connbench::targets {

extern const TargetEntry accepting;
const TargetEntry accepting{
    .name = "accepting",
    .summary = "accepts and holds the connection until the peer closes it",
    .families = every_family,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::connected}; },
    .open = [](const TargetRequest& request) { return accept_on(bind_loopback(request), request, AfterAccept::hold); },
};

}  // namespace connbench::targets
