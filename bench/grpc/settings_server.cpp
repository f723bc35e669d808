#include "bench/grpc/settings_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>

#include "harness/targets/served_target.h"

namespace connbench::channels {
namespace {

// RFC 9113, sections 4.1 and 6.5: 24 bits of length, type 4, no flags, stream 0.
constexpr std::array<unsigned char, 9> empty_settings{0, 0, 0, 4, 0, 0, 0, 0, 0};

void watch(int epoll, int fd, uint32_t what, int name) {
  epoll_event event{.events = what, .data = {.fd = name}};
  checked(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void accept_all(int listener, int epoll, std::atomic<uint64_t>& accepted) {
  int fd;
  while ((fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    ++accepted;
    std::ignore = ::send(fd, empty_settings.data(), empty_settings.size(), MSG_NOSIGNAL);  // a client may have left
    watch(epoll, fd, EPOLLRDHUP | EPOLLET, fd);
  }
}

// An event names a connection by its descriptor, and a listener by the complement of its own.
[[noreturn]] void serve(std::span<const int> listeners, std::atomic<uint64_t>& accepted) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  for (const int listener : listeners) watch(epoll.get(), listener, EPOLLIN, ~listener);
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int ready = ::epoll_wait(epoll.get(), events.data(), events.size(), -1);
    for (const epoll_event& event : std::span(events.data(), static_cast<size_t>(std::max(ready, 0)))) {
      if (event.data.fd >= 0)
        ::close(event.data.fd);
      else
        accept_all(~event.data.fd, epoll.get(), accepted);
    }
  }
}

}  // namespace

SettingsServer::SettingsServer(BoundSockets bound, const std::vector<int>& cpus) {
  listen_on(bound, longest_backlog());
  target_ = std::make_unique<ServedTarget>(std::move(bound), cpus,
                                           [this](std::span<const int> listeners) { serve(listeners, *accepted_); });
}

}  // namespace connbench::channels
