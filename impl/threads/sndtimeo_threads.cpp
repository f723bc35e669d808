// A thread per attempt that blocks in connect(), bounded by SO_SNDTIMEO. It is the smallest change that gives a
// blocking program a timeout. The kernel rounds it up to jiffies; errno is EINPROGRESS, and the socket must be closed.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry sndtimeo_threads;
const ConnectorEntry sndtimeo_threads{
    .name = "sndtimeo-threads",
    .summary = "a thread per attempt, connect() bounded by SO_SNDTIMEO",
    .options = thread_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, sndtimeo_call, sndtimeo_call_capabilities());
    },
    .group = "threads",
};

}  // namespace connbench::connectors
