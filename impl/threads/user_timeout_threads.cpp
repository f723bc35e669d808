// A thread per attempt in a connect() that TCP_USER_TIMEOUT bounds. Choose it where the same option is to end a dead
// connection later, and a second is soon enough: the kernel looks at it at retransmissions only, so no attempt ends
// before the first of them.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry user_timeout_threads;
const ConnectorEntry user_timeout_threads{
    .name = "user-timeout-threads",
    .summary = "a thread per attempt, connect() bounded by TCP_USER_TIMEOUT",
    .options = thread_options,
    .probe = probe_source_port,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, user_timeout_call, user_timeout_call_capabilities());
    },
    .families = ip_families,  // on UNIX sockets there would be no deadline
    .group = "threads",
};

}  // namespace connbench::connectors
