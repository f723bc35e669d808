// A server that speaks Multipath TCP, and TCP with clients that do not. Connect to it with +protocol:mptcp; a client
// that asks any other target here for MPTCP falls back to TCP.
#include "harness/targets/accept_server.h"

namespace connbench::targets {

extern const TargetEntry accepting_mptcp;
const TargetEntry accepting_mptcp{
    .name = "accepting-mptcp",
    .summary = "like accepting, and speaks Multipath TCP with clients that do (+protocol:mptcp)",
    .families = ip_families,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::connected}; },
    .open =
        [](const TargetRequest& request) {
          return accept_on(bind_loopback(request, IPPROTO_MPTCP), request, AfterAccept::hold);
        },
};

}  // namespace connbench::targets
