#include "dialer.h"

#include <poll.h>

namespace dialer {

Wait wait_writable(int fd, std::chrono::nanoseconds at_most) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec left{.tv_sec = seconds.count(), .tv_nsec = (at_most - seconds).count()};
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  const int count = ::ppoll(&polled, 1, &left, nullptr);
  if (count <= 0) return count == 0 ? Wait::timed_out : Wait::failed;
  return (polled.revents & POLLOUT) != 0 ? Wait::writable : Wait::unclear;
}

}  // namespace dialer
