// cpp-epoll: the connector `epoll` as a program that speaks the protocol of docs/programs.md. Compared with `epoll`
// it shows what the protocol itself costs.
#include "harness/connector/registry.h"

namespace connbench::connectors {

extern const ConnectorEntry epoll;

extern const ConnectorEntry cpp_epoll;
const ConnectorEntry cpp_epoll{
    .name = "cpp-epoll",
    .summary = "the connector epoll behind the protocol for programs: what the protocol costs",
    .options = epoll.options,
    .probe = [](const ConnectorSettings& settings) { return epoll.probe(settings); },
    .make = [](const ConnectorSettings& settings) { return epoll.make(settings); },
};

}  // namespace connbench::connectors
