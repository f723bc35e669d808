// A thread per attempt that blocks in connect() until a timer's signal interrupts it (timer_create, SIGEV_THREAD_ID).
// Choose it to put an exact timeout on code that must block, such as a library's connect(). It needs a signal number of
// its own, whose handler belongs to the whole process.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry signal_threads;
const ConnectorEntry signal_threads{
    .name = "signal-threads",
    .summary = "a thread per attempt, blocking connect() interrupted by a timer's signal",
    .options = thread_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      prepare_signal_calls();
      return std::make_unique<ThreadPerAttempt>(settings, signal_call, signal_call_capabilities());
    },
    .group = "threads",
};

}  // namespace connbench::connectors
