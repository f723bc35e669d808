#include <sys/socket.h>
#include <time.h>

#include <algorithm>

#include "harness/support/unique_fd.h"
#include "impl/threads/calls/calls.h"
#include "impl/threads/calls/jiffy.h"

namespace connbench {
namespace {

int set_send_timeout(int fd, TimePoint deadline) {
  // Rounded up, because an attempt must not give up early, and never zero, which would mean "wait forever".
  using std::chrono::microseconds;
  const auto us = std::max(std::chrono::ceil<microseconds>(deadline - now()), microseconds(1)).count();
  const timeval value{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  return ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) == 0 ? 0 : errno;
}

constexpr ConnectBound send_timeout{.call = Call::setsockopt, .arm = set_send_timeout};

}  // namespace

Completion sndtimeo_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, &send_timeout);
}

Capabilities sndtimeo_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::socket_option, .granularity = jiffy(), .floor = jiffy()};
}

}  // namespace connbench
