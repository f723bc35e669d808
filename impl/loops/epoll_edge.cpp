// Like epoll, but a socket is reported at each change (EPOLLET) and never disarmed. Choose it where the program goes on
// to read and write edge-triggered, because it does not have to register the connection again. The price: events of
// finished attempts keep coming and must be told apart from those of current ones.
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
