// A thread per attempt: non-blocking connect(), ppoll() with the timeout, SO_ERROR. Choose it over select-threads
// wherever poll() exists: it has no limit on descriptors, and its timeout is in nanoseconds.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry poll_threads;
const ConnectorEntry poll_threads{
    .name = "poll-threads",
    .summary = "a thread per attempt, non-blocking connect(), ppoll() with the timeout",
    .options = thread_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, poll_call, poll_call_capabilities());
    },
    .group = "threads",
};

}  // namespace connbench::connectors
