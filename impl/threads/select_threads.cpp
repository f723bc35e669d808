// A thread per attempt: non-blocking connect(), select() with the timeout, SO_ERROR. This is the textbook way to bound
// one connect(). Every descriptor must be below FD_SETSIZE, even though each thread watches only one.
#include "impl/sockets/select_limit.h"
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {

extern const ConnectorEntry select_threads;
const ConnectorEntry select_threads{
    .name = "select-threads",
    .summary = "a thread per attempt, non-blocking connect(), select() with the timeout",
    .options = thread_options,
    .probe =
        [](const ConnectorSettings& settings) {
          auto reason = probe_select(settings.max_in_flight);
          return reason ? reason : probe_socket_setup(settings);
        },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, select_call, select_call_capabilities());
    },
    .group = "threads",
};

}  // namespace connbench::connectors
