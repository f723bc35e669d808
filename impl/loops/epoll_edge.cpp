// As epoll, but a socket is reported at each change (EPOLLET), and never disarmed. Choose it where the program goes on
// to read and write edge-triggered: it does not have to register the connection again. The price is events of
// connections that are done with, which must be told from those of attempts.
#include "impl/loops/epoll_loop.h"

namespace connbench::connectors {

extern const ConnectorEntry epoll_edge;
const ConnectorEntry epoll_edge{
    .name = "epoll-edge",
    .summary = "one thread, one epoll loop, edge-triggered",
    .options = epoll_options,
    .probe = probe_epoll,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<EpollLoop>(settings, EPOLLET);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
