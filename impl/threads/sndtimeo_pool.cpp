// A pool of threads in connect()s that SO_SNDTIMEO bounds: a host that is gone holds a thread for its timeout and no
// longer. The least code for a pool that cannot get stuck.
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry sndtimeo_pool;
const ConnectorEntry sndtimeo_pool{
    .name = "sndtimeo-pool",
    .summary = "a pool of threads, connect() bounded by SO_SNDTIMEO",
    .options = pool_options,
    .probe = probe_pool,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPool>(settings, sndtimeo_call, sndtimeo_call_capabilities());
    },
    .group = "pools",
};

}  // namespace connbench::connectors
