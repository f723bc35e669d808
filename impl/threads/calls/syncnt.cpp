#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>

#include "harness/machine/kernel_timeout.h"
#include "harness/machine/machine.h"
#include "harness/support/unique_fd.h"
#include "impl/threads/calls/calls.h"

namespace connbench {
namespace {

constexpr int most_retries = 127;  // MAX_TCP_SYNCNT; 0 is refused

// When the kernel gives up for each count of SYNs sent again, by its rule and this machine's linear timeouts.
class GivingUp {
 public:
  GivingUp() {
    const auto linear = sysctl("net.ipv4.tcp_syn_linear_timeouts");  // since Linux 6.5; before, as if 0
    for (int retries = 1; retries <= most_retries; ++retries)
      at_[static_cast<size_t>(retries) - 1] = kernel_connect_timeout(retries, linear ? std::stoi(*linear) : 0);
  }
  Duration after(int retries) const { return at_[static_cast<size_t>(retries) - 1]; }
  // The smallest count that does not give up before `timeout` has passed.
  int retries_for(Duration timeout) const {
    const auto found = std::ranges::lower_bound(at_, timeout);
    return std::min(static_cast<int>(found - at_.begin()) + 1, most_retries);
  }

 private:
  std::array<Duration, most_retries> at_{};
};

const GivingUp& giving_up() {
  static const GivingUp table;
  return table;
}

int set_retries(int fd, TimePoint deadline) {
  const int retries = giving_up().retries_for(deadline - now());
  return ::setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof retries) == 0 ? 0 : errno;
}

constexpr ConnectBound retries_bound{.call = Call::setsockopt, .arm = set_retries, .ends_handshake = true};

}  // namespace

Completion syncnt_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, &retries_bound);
}

// The steps are the distances between retransmissions, and double: the one that is declared is the smallest.
Capabilities syncnt_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::socket_option,
          .granularity = giving_up().after(2) - giving_up().after(1),
          .floor = giving_up().after(1)};
}

}  // namespace connbench
