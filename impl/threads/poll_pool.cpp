// A pool of threads: non-blocking connect(), ppoll() with the timeout, SO_ERROR. Choose it when you want a pool: its
// deadlines are exact, and it works with any descriptor and without signals.
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry poll_pool;
const ConnectorEntry poll_pool{
    .name = "poll-pool",
    .summary = "a pool of threads, non-blocking connect(), ppoll() with the timeout",
    .options = pool_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPool>(settings, poll_call, poll_call_capabilities());
    },
    .group = "pools",
};

}  // namespace connbench::connectors
