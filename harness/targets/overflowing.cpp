#include <stdexcept>

#include "harness/support/units.h"
#include "harness/targets/connected_eventually.h"
#include "harness/targets/served_target.h"

namespace connbench::targets {
namespace {

constexpr Duration between_rounds = std::chrono::milliseconds(50);

int backlog_of(std::string_view parameter) {
  const size_t backlog = parse_count(parameter);
  if (backlog > 4096) throw std::invalid_argument("a backlog of at most 4096");
  return static_cast<int>(backlog);
}

void check(std::string_view parameter) {
  backlog_of(parameter);
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
    .check = check,
    .expected_outcomes = connected_eventually,
    .open = open_overflowing,
};

}  // namespace connbench::targets
