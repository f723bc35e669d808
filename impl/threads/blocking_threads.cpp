// A thread per attempt in a blocking connect(). The simplest way to have several under way, and the one that fills a
// program with stuck threads when hosts are gone: nothing but the kernel gives up, after tcp_syn_retries.
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry blocking_threads;
const ConnectorEntry blocking_threads{
    .name = "blocking-threads",
    .summary = "a thread per attempt, blocking connect(); the kernel's own timeout",
    .options = thread_options,
    .probe = probe_source_port,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, plain_call, plain_call_capabilities());
    },
    .group = "threads",
};

}  // namespace connbench::connectors
