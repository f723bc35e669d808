#include <poll.h>

#include "impl/threads/calls/calls.h"

namespace connbench {

// ppoll() differs from poll() only in its timeout, which is in nanoseconds instead of milliseconds.
Found poll_once(int fd, TimePoint deadline) {
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  const timespec left = to_timespec(deadline - now());
  const int count = ::ppoll(&polled, 1, &left, nullptr);
  if (count <= 0) return count == 0 ? Found::nothing : Found::failure;
  return (polled.revents & POLLOUT) != 0 ? Found::writable : Found::unclear;
}

Completion poll_call(const Attempt& attempt, const CallContext& context) {
  return waiting_call(attempt, context, poll_once);
}

Capabilities poll_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::wait, .granularity = Duration(1)};
}

}  // namespace connbench
