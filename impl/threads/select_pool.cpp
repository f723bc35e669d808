// A pool of threads: non-blocking connect(), select() with the timeout, SO_ERROR. Its deadlines are exact to the
// microsecond. Choose it only where poll() is missing, because every descriptor must be below FD_SETSIZE.
#include <algorithm>

#include "impl/sockets/select_limit.h"
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {

extern const ConnectorEntry select_pool;
const ConnectorEntry select_pool{
    .name = "select-pool",
    .summary = "a pool of threads, non-blocking connect(), select() with the timeout",
    .options = pool_options,
    .probe =
        [](const ConnectorSettings& settings) {
          auto reason = probe_select(std::min(settings.options.count("threads"), settings.max_in_flight));
          return reason ? reason : probe_socket_setup(settings);
        },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      Capabilities capabilities = select_call_capabilities();
      capabilities.max_in_flight = 0;  // queued attempts have no descriptor, so only the threads count
      return std::make_unique<ThreadPool>(settings, select_call, capabilities);
    },
    .group = "pools",
};

}  // namespace connbench::connectors
