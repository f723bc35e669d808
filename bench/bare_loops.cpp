#include "bench/bare_loops.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <vector>

#include "harness/unique_fd.h"

namespace connbench {
namespace {

void reset_and_close(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  checked(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "setsockopt");
  ::close(fd);
}

void connect_once(const Endpoint& to) {
  const int fd = checked(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  checked(::connect(fd, to.address(), to.size()), "connect");
  reset_and_close(fd);
}

void* thread_main(void* endpoint) {
  connect_once(*static_cast<const Endpoint*>(endpoint));
  return nullptr;
}

}  // namespace

void bare_blocking(std::span<const Endpoint> endpoints, size_t attempts) {
  for (size_t i = 0; i < attempts; ++i) connect_once(endpoints[i % endpoints.size()]);
}

void bare_epoll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  std::array<epoll_event, 256> events{};
  size_t begun = 0;
  size_t ended = 0;
  while (ended < attempts) {
    for (; begun < attempts && begun - ended < concurrency; ++begun) {
      const Endpoint& to = endpoints[begun % endpoints.size()];
      const int fd = checked(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
      if (::connect(fd, to.address(), to.size()) != 0 && errno != EINPROGRESS) checked(-1, "connect");
      epoll_event event{.events = EPOLLOUT, .data = {.fd = fd}};
      checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    const int count = checked(::epoll_wait(epoll.get(), events.data(), events.size(), -1), "epoll_wait");
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      int error = 0;
      socklen_t size = sizeof error;
      checked(::getsockopt(events[i].data.fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt");
      reset_and_close(events[i].data.fd);
    }
    ended += static_cast<size_t>(count);
  }
}

void bare_threads(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  std::vector<pthread_t> threads(concurrency);
  for (size_t i = 0; i < attempts; ++i) {
    pthread_t& thread = threads[i % concurrency];
    if (i >= concurrency) pthread_join(thread, nullptr);
    void* argument = const_cast<Endpoint*>(&endpoints[i % endpoints.size()]);
    if (const int error = pthread_create(&thread, &attributes, thread_main, argument); error != 0)
      throw std::system_error(error, std::generic_category(), "pthread_create");
  }
  for (size_t i = 0; i < std::min(attempts, concurrency); ++i) pthread_join(threads[i], nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace connbench
