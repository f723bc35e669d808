#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "harness/machine/kernel_timeout.h"
#include "harness/support/unique_fd.h"
#include "impl/threads/calls/calls.h"

namespace connbench {
namespace {

constexpr int most_retries = 127;  // MAX_TCP_SYNCNT; the kernel rejects 0

// How long the kernel tries for each number of SYN retransmissions, given this machine's other timers.
class KernelTimeouts {
 public:
  KernelTimeouts() {
    SynTimers timers = syn_timers().value_or(SynTimers{.retries = 0});
    for (timers.retries = 1; timers.retries <= most_retries; ++timers.retries)
      timeouts_[static_cast<size_t>(timers.retries) - 1] = kernel_connect_timeout(timers);
  }
  Duration after(int retries) const { return timeouts_[static_cast<size_t>(retries) - 1]; }
  // The smallest count that does not give up before `timeout` has passed.
  int retries_for(Duration timeout) const {
    const auto found = std::ranges::lower_bound(timeouts_, timeout);
    return std::min(static_cast<int>(found - timeouts_.begin()) + 1, most_retries);
  }

 private:
  std::array<Duration, most_retries> timeouts_{};
};

const KernelTimeouts& kernel_timeouts() {
  static const KernelTimeouts table;
  return table;
}

int set_retries(int fd, TimePoint deadline) {
  const int retries = kernel_timeouts().retries_for(deadline - now());
  return ::setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof retries) == 0 ? 0 : errno;
}

constexpr ConnectBound retries_bound{.call = Call::setsockopt, .arm = set_retries, .ends_handshake = true};

}  // namespace

std::optional<std::string> probe_syncnt_call(const ConnectorSettings& settings) {
  return probe_bound(settings, retries_bound, "TCP_SYNCNT");
}

Completion syncnt_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, &retries_bound);
}

// Each step is the interval between two retransmissions, which doubles. The smallest one is declared.
Capabilities syncnt_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::socket_option,
          .granularity = kernel_timeouts().after(2) - kernel_timeouts().after(1),
          .floor = kernel_timeouts().after(1)};
}

}  // namespace connbench
