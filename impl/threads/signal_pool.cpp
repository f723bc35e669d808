// A pool of threads that block in connect(), each with its own timer whose signal interrupts it. A timer serves
// thousands of attempts. Choose it for code that must block and still keep exact deadlines.
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry signal_pool;
const ConnectorEntry signal_pool{
    .name = "signal-pool",
    .summary = "a pool of threads, blocking connect() interrupted by a timer's signal",
    .options = pool_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      prepare_signal_calls();
      return std::make_unique<ThreadPool>(settings, signal_call, signal_call_capabilities());
    },
    .group = "pools",
};

}  // namespace connbench::connectors
