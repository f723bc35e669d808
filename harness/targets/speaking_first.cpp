#include "harness/targets/accept_server.h"

namespace connbench::targets {

extern const TargetEntry speaking_first;
const TargetEntry speaking_first{
    .name = "speaking-first",
    .summary = "accepts, sends a line at once, then holds the connection",
    .families = ip_families,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::connected}; },
    .open = [](const TargetRequest& request) { return accept_on(bind_loopback(request), request, AfterAccept::greet); },
};

}  // namespace connbench::targets
