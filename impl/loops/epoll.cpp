// One thread, one epoll, everything in flight at once. Choose it for many connections: a pending attempt costs a socket
// and a table entry, but no thread. It is level-triggered and reports each socket once (EPOLLONESHOT); otherwise a
// connection that is kept open would stay ready and wake every wait.
#include "impl/loops/epoll_loop.h"

namespace connbench::connectors {

extern const ConnectorEntry epoll;
const ConnectorEntry epoll{
    .name = "epoll",
    .summary = "one thread, one epoll loop, level-triggered",
    .options = epoll_options,
    .probe = probe_epoll,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<EpollLoop>(settings, EPOLLONESHOT);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
