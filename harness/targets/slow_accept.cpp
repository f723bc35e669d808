#include <time.h>

#include <algorithm>

#include "harness/support/quantity.h"
#include "harness/targets/connected_eventually.h"
#include "harness/targets/served_target.h"

namespace connbench::targets {
namespace {

Duration interval_of(std::string_view parameter) {
  return parse_duration(parameter, {Duration(1), std::chrono::seconds(10)});
}

std::string canonical(std::string_view parameter) {
  return format_duration(interval_of(parameter));
}

// The kernel completes handshakes while there is room in the queue. Then it drops SYNs, which clients retransmit after
// 1 s.
std::unique_ptr<Target> open_slow_accept(const TargetRequest& request) {
  const Duration interval = interval_of(request.parameter);
  BoundSockets bound = bind_loopback(request);
  listen_on(bound, longest_backlog());
  return std::make_unique<ServedTarget>(std::move(bound), request.cpus, [interval](std::span<const int> listeners) {
    for (TimePoint next = now();; sleep_until(next += interval))
      for (const int listener : listeners)
        if (const int fd = ::accept(listener, nullptr, nullptr); fd >= 0) ::close(fd);
  });
}

}  // namespace

extern const TargetEntry slow_accept;
const TargetEntry slow_accept{
    .name = "slow-accept",
    .parameter = "D",
    .default_value = "1ms",
    .summary = "accepts one connection every D; connects wait while its queue is full",
    .families = ip_families,
    .answers = false,
    .canonical = canonical,
    .expected_outcomes = connected_eventually,
    .open = open_slow_accept,
};

}  // namespace connbench::targets
