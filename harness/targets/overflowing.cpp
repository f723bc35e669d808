#include "harness/support/quantity.h"
#include "harness/targets/connected_eventually.h"
#include "harness/targets/served_target.h"

namespace connbench::targets {
namespace {

constexpr Duration between_rounds = std::chrono::milliseconds(50);

int backlog_of(std::string_view parameter) {
  return static_cast<int>(parse_count(parameter, {1, 4096}));
}

std::string canonical(std::string_view parameter) {
  return std::to_string(backlog_of(parameter));
}

[[noreturn]] void accept_in_rounds(std::span<const int> listeners) {
  for (TimePoint next = now();; sleep_until(next += between_rounds))
    for (const int listener : listeners)
      for (int fd; (fd = ::accept(listener, nullptr, nullptr)) >= 0;) ::close(fd);
}

std::unique_ptr<Target> open_overflowing(const TargetRequest& request) {
  BoundSockets bound = bind_loopback(request);
  listen_on(bound, backlog_of(request.parameter));
  return std::make_unique<ServedTarget>(std::move(bound), request.cpus, accept_in_rounds);
}

}  // namespace

extern const TargetEntry overflowing;
const TargetEntry overflowing{
    .name = "overflowing",
    .parameter = "N",
    .default_value = "8",
    .summary = "a backlog of N, emptied every 50ms; SYNs beyond N are dropped",
    .families = ip_families,
    .answers = false,
    .canonical = canonical,
    .expected_outcomes = connected_eventually,
    .open = open_overflowing,
};

}  // namespace connbench::targets
