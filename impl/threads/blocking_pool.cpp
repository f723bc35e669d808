// A pool of threads that call connect() and block, as many servers do for outgoing connections. Nothing is created per
// attempt, but as many dead hosts as there are threads hold up every other attempt until the kernel gives up.
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry blocking_pool;
const ConnectorEntry blocking_pool{
    .name = "blocking-pool",
    .summary = "a pool of threads, blocking connect(); the kernel's own timeout",
    .options = pool_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPool>(settings, plain_call, plain_call_capabilities());
    },
    .group = "pools",
};

}  // namespace connbench::connectors
