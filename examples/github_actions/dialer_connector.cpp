// The library as a connector: a thread per attempt, which waits as the library does.
#include <algorithm>

#include "dialer.h"
#include "impl/threads/calls/calls.h"
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {
namespace {

Found wait_once(int fd, TimePoint deadline) {
  switch (dialer::wait_writable(fd, std::max(deadline - now(), Duration::zero()))) {
    case dialer::Wait::timed_out:
      return Found::nothing;
    case dialer::Wait::writable:
      return Found::writable;
    case dialer::Wait::unclear:
      return Found::unclear;
    case dialer::Wait::failed:
      break;
  }
  return Found::failure;
}

Completion dial(const Attempt& attempt, const CallContext& context) {
  return waiting_call(attempt, context, wait_once);
}

constexpr Capabilities of_the_call{.deadline_by = Capabilities::DeadlineBy::wait, .granularity = Duration(1)};

}  // namespace

extern const ConnectorEntry dialer_threads;
const ConnectorEntry dialer_threads{
    .name = "dialer-threads",
    .summary = "a thread per attempt, waiting with the library dialer",
    .options = thread_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(settings, dial, of_the_call);
    },
};

}  // namespace connbench::connectors
