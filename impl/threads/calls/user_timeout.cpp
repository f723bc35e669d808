#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>

#include "harness/support/unique_fd.h"
#include "impl/threads/calls/calls.h"
#include "impl/threads/calls/jiffy.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;

// The kernel subtracts two truncated millisecond stamps, so a difference of n may stand for little more than n − 1.
// Zero would mean no timeout.
int set_user_timeout(int fd, TimePoint deadline) {
  constexpr Duration longest = milliseconds(INT_MAX - 1);
  const auto left = std::clamp<Duration>(deadline - now(), Duration::zero(), longest);
  const auto value = static_cast<unsigned>((std::chrono::ceil<milliseconds>(left) + milliseconds(1)).count());
  return ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value) == 0 ? 0 : errno;
}

constexpr ConnectBound user_timeout{.call = Call::setsockopt, .arm = set_user_timeout, .ends_handshake = true};

}  // namespace

std::optional<std::string> probe_user_timeout_call(const ConnectorSettings& settings) {
  return probe_bound(settings, user_timeout, "TCP_USER_TIMEOUT");
}

Completion user_timeout_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, &user_timeout);
}

// The kernel checks the timeout only when a retransmission is due; the first one comes 1 s after the SYN
// (TCP_TIMEOUT_INIT, RFC 6298).
Capabilities user_timeout_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::socket_option,
          .granularity = jiffy() + milliseconds(1),
          .floor = std::chrono::seconds(1)};
}

}  // namespace connbench
