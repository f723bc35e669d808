// A thread per attempt that calls connect() and blocks. It is the simplest way to have several attempts in flight, and
// it fills a program with stuck threads when hosts are dead: only the kernel gives up, after tcp_syn_retries.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry blocking_threads;
const ConnectorEntry blocking_threads{
    .name = "blocking-threads",
    .summary = "a thread per attempt, blocking connect(); the kernel's own timeout",
    .options = thread_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, plain_call, plain_call_capabilities());
    },
    .group = "threads",
};

}  // namespace connbench::connectors
