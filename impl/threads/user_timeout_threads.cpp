// A thread per attempt that blocks in connect(), bounded by TCP_USER_TIMEOUT. Choose it where the same option should
// also end a dead connection later, and where one second is soon enough: the kernel checks it only when it retransmits,
// so no attempt ends before the first retransmission.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry user_timeout_threads;
const ConnectorEntry user_timeout_threads{
    .name = "user-timeout-threads",
    .summary = "a thread per attempt, connect() bounded by TCP_USER_TIMEOUT",
    .options = thread_options,
    .probe = probe_user_timeout_call,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, user_timeout_call, user_timeout_call_capabilities());
    },
    .families = ip_families,  // UNIX sockets would have no deadline
    .group = "threads",
};

}  // namespace connbench::connectors
