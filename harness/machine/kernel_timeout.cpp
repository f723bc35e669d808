#include "harness/machine/kernel_timeout.h"

#include <algorithm>
#include <bit>

#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

constexpr Duration initial = std::chrono::seconds(1);  // TCP_TIMEOUT_INIT (RFC 6298)

std::optional<int> number(const char* name) {
  const int64_t value = leading_number(sysctl(name).value_or(""));
  return value < 0 ? std::nullopt : std::optional(static_cast<int>(value));
}

// How long `retries` doubling intervals take: tcp_model_timeout(). It counts the doublings in whole powers of two, so
// it may differ from the sum of the intervals.
Duration modelled(int retries, Duration first, Duration longest) {
  const auto doublings = static_cast<int>(std::bit_width(static_cast<uint64_t>(longest / first))) - 1;
  const auto doubled = first * ((int64_t{2} << std::min(retries, doublings)) - 1);
  return doubled + longest * std::max(0, retries - doublings);
}

}  // namespace

std::optional<SynTimers> syn_timers() {
  const auto retries = number("net.ipv4.tcp_syn_retries");
  if (!retries) return std::nullopt;
  SynTimers timers{.retries = *retries};
  if (const auto linear = number("net.ipv4.tcp_syn_linear_timeouts")) timers.linear = *linear;
  if (const auto longest = number("net.ipv4.tcp_rto_max_ms")) timers.longest = std::chrono::milliseconds(*longest);
  return timers;
}

Duration kernel_connect_timeout(const SynTimers& timers) noexcept {
  const Duration longest = std::max(timers.longest, initial);  // the kernel refuses less
  const Duration bound = modelled(timers.retries, initial, longest);
  Duration fired = initial;
  Duration interval = initial;
  for (int retransmitted = 0; retransmitted < timers.retries + timers.linear && fired < bound; ++retransmitted) {
    if (retransmitted >= timers.linear) interval = std::min(interval * 2, longest);
    fired += interval;
  }
  return fired;
}

std::optional<Duration> kernel_connect_timeout() {
  const auto timers = syn_timers();
  return timers ? std::optional(kernel_connect_timeout(*timers)) : std::nullopt;
}

}  // namespace connbench
