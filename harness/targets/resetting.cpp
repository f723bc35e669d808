#include <sys/socket.h>

#include "harness/targets/accept_server.h"

namespace connbench::targets {
namespace {

std::unique_ptr<Target> open_resetting(const TargetRequest& request) {
  BoundSockets bound = bind_loopback(request);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  for (const UniqueFd& socket : bound.sockets) {
    checked(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "setsockopt(SO_LINGER)");
  }
  return accept_on(std::move(bound), request, AfterAccept::close);
}

}  // namespace

extern const TargetEntry resetting;
const TargetEntry resetting{
    .name = "resetting",
    .summary = "accepts, then resets the connection at once (RST)",
    .families = ip_families,
    .answers = true,
    .expected_outcomes =
        [](Family) {
          return OutcomeSet{Outcome::connected, Outcome::reset};
        },
    .open = open_resetting,
};

}  // namespace connbench::targets
