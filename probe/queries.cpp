#include "probe/queries.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "harness/support/unique_fd.h"

namespace connbench::probe {
namespace {

uint32_t query_poll(int fd) {
  pollfd polled{.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP, .revents = 0};
  ::poll(&polled, 1, 0);
  return static_cast<uint32_t>(polled.revents);
}

uint32_t query_epoll(int fd) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  epoll_event wanted{.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP, .data = {.fd = fd}};
  checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &wanted), "epoll_ctl");
  epoll_event ready{};
  return ::epoll_wait(epoll.get(), &ready, 1, 0) == 1 ? uint32_t{ready.events} : 0;
}

}  // namespace

Readiness readiness_of(int fd) {
  fd_set read, write, except;
  FD_ZERO(&read);
  FD_SET(fd, &read);
  write = except = read;
  timeval no_time{};
  ::select(fd + 1, &read, &write, &except, &no_time);
  const bool readable = FD_ISSET(fd, &read) != 0;
  const bool writable = FD_ISSET(fd, &write) != 0;
  const bool exceptional = FD_ISSET(fd, &except) != 0;
  return {readable, writable, exceptional, query_poll(fd), query_epoll(fd)};
}

}  // namespace connbench::probe
