// A pool of threads that block in connect(), bounded by SO_SNDTIMEO: a dead host occupies a thread for one timeout and
// no longer. This is the least code for a pool that cannot get stuck.
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry sndtimeo_pool;
const ConnectorEntry sndtimeo_pool{
    .name = "sndtimeo-pool",
    .summary = "a pool of threads, connect() bounded by SO_SNDTIMEO",
    .options = pool_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPool>(settings, sndtimeo_call, sndtimeo_call_capabilities());
    },
    .group = "pools",
};

}  // namespace connbench::connectors
