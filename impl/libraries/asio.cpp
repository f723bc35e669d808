// Standalone Asio with callbacks: async_connect() and a steady_timer for each attempt. Choose it in a program that
// already runs an io_context, or that must also run on other systems than Linux.
#include "harness/connector/make_connector.h"
#include "impl/libraries/asio_callbacks.h"

namespace connbench::connectors {

extern const ConnectorEntry asio;
const ConnectorEntry asio{
    .name = "asio",
    .summary = "Asio: async_connect() with a callback and a steady_timer per attempt",
    .options = unrepeated_socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<AsioCallbacks>,
    .library = AsioConnector::library,
    .group = "libraries",
};

}  // namespace connbench::connectors
