#include "harness/trace/follow.h"
#include "harness/wave/runner.h"

namespace connbench::trace {

Client connecting_client(const NamedConnector& connector, size_t attempts, Duration timeout, CloseMode close) {
  constexpr Duration grace = std::chrono::seconds(1);
  const Duration limit = static_cast<int64_t>(attempts) * timeout + grace;
  return {.name = connector.name,
          .attempts = attempts,
          .limit = limit + grace,
          .run = [=, &connector](const ClientContext& context) {
            context.recording = true;
            {
              Retirement retirement(connector.policy({.close = close}), attempts);
              const auto made = connector.entry->make({connector.options, 1, retirement});
              const auto pacing = closed_loop();
              drive(*made,
                    {.load = {.endpoints = context.target.endpoints(),
                              .endpoints_per_attempt = context.target.endpoints_per_attempt(),
                              .limit = limit},
                     .concurrency = 1,
                     .timeout = timeout,
                     .pacing = pacing.get()},
                    context.samples);
            }  // destroying them closes the held connections, which belongs to the trace
            context.recording = false;
          }};
}

}  // namespace connbench::trace
