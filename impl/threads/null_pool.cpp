// A pool of threads that do nothing. Its row is the cost of the harness and of handing an attempt to a thread of the
// pool and its result back: what every pool pays before it makes its first system call.
#include "harness/connector/make_connector.h"
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec options[] = {stack_option, threads_option};

}  // namespace

extern const ConnectorEntry null_pool;
const ConnectorEntry null_pool{
    .name = "null-pool",
    .summary = "a pool of threads that do nothing: the cost of the harness and of the hand-over",
    .options = options,
    .probe = works_everywhere,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPool>(settings, null_call, null_call_capabilities());
    },
    .group = "baselines",
};

}  // namespace connbench::connectors
