// A pool of threads in blocking connect()s, each with a timer of its own whose signal interrupts it: one timer for
// thousands of attempts. For code that must block and must not be late.
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry signal_pool;
const ConnectorEntry signal_pool{
    .name = "signal-pool",
    .summary = "a pool of threads, blocking connect() that a timer's signal interrupts",
    .options = pool_options,
    .probe = probe_pool,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      prepare_signal_calls();
      return std::make_unique<ThreadPool>(settings, signal_call, signal_call_capabilities());
    },
    .group = "pools",
};

}  // namespace connbench::connectors
