#include <sys/socket.h>
#include <time.h>

#include <algorithm>

#include "harness/unique_fd.h"
#include "impl/calls/calls.h"

namespace connbench {
namespace {

int set_send_timeout(int fd, Duration timeout) {
  // Rounded up, because an attempt never gives up early, and never zero, which would mean "wait for ever".
  using std::chrono::microseconds;
  const auto us = std::max(std::chrono::ceil<microseconds>(timeout), microseconds(1)).count();
  const timeval value{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  return ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) == 0 ? 0 : errno;
}

}  // namespace

Completion sndtimeo_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, set_send_timeout);
}

Traits sndtimeo_call_traits() {
  timespec jiffy{};  // the coarse clock ticks once a jiffy
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
  const Duration step = std::chrono::seconds(jiffy.tv_sec) + Duration(jiffy.tv_nsec);
  return {.deadline_by = Traits::DeadlineBy::socket_option, .granularity = step, .floor = step};
}

}  // namespace connbench
