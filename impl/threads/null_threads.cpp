// A thread per attempt that does nothing. Its row is the cost of the harness and of creating, waking and joining a
// thread: what a thread per attempt costs before it makes its first system call.
#include "harness/connector/make_connector.h"
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec options[] = {stack_option};

}  // namespace

extern const ConnectorEntry null_threads;
const ConnectorEntry null_threads{
    .name = "null-threads",
    .summary = "a thread per attempt that does nothing: the cost of the harness and of the threads",
    .options = options,
    .probe = works_everywhere,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, null_call, null_call_capabilities());
    },
    .group = "baselines",
};

}  // namespace connbench::connectors
