#include <sys/select.h>

#include "impl/sockets/select_limit.h"
#include "impl/threads/calls/calls.h"

namespace connbench {
namespace {

// select() overwrites the sets and the timeout, so they are set up for each call. An error makes a socket both writable
// and readable, but so does a peer that has already sent something.
Found select_once(int fd, TimePoint deadline) {
  if (fd >= FD_SETSIZE) {
    errno = fd_setsize_error;
    return Found::failure;
  }
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(fd, &writable);
  fd_set readable = writable;
  timeval left = select_timeout(deadline - now());
  const int count = ::select(fd + 1, &readable, &writable, nullptr, &left);
  if (count < 0) return Found::failure;
  if (count == 0) return Found::nothing;
  return FD_ISSET(fd, &readable) ? Found::unclear : Found::writable;
}

}  // namespace

Completion select_call(const Attempt& attempt, const CallContext& context) {
  return waiting_call(attempt, context, select_once);
}

Capabilities select_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::wait,
          .granularity = std::chrono::microseconds(1),
          .max_in_flight = select_max_in_flight};
}

}  // namespace connbench
