// A thread per attempt that blocks in connect() until TCP_SYNCNT SYNs have been retransmitted. It uses the smallest
// count that does not give up before the timeout. Choose it to limit the number of tries rather than the time: the
// steps are 3, 7, 15 ... seconds.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry syncnt_threads;
const ConnectorEntry syncnt_threads{
    .name = "syncnt-threads",
    .summary = "a thread per attempt, connect() bounded by TCP_SYNCNT",
    .options = thread_options,
    .probe = probe_syncnt_call,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, syncnt_call, syncnt_call_capabilities());
    },
    .families = ip_families,  // UNIX sockets would have no deadline
    .group = "threads",
};

}  // namespace connbench::connectors
