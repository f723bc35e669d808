#include "bench/grpc/sockets.h"

#include <sys/socket.h>

#include <array>

namespace connbench::channels {

void Sockets::begin(size_t attempt) {
  UniqueFd& fd = sockets_[attempt];
  fd = UniqueFd(checked(::socket(to_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  const bool connected = ::connect(fd.get(), to_.address(), to_.size()) == 0;  // on loopback, mostly
  if (!connected && errno != EINPROGRESS) return ended_.push_back({attempt, End::failed});
  if (connected && until_ == Until::connected) return ended_.push_back({attempt, End::ready});
  const int error = epoll_.add(fd.get(), attempt, until_ == Until::connected ? EPOLLOUT : EPOLLIN);
  if (error != 0) throw std::system_error(error, std::generic_category(), "epoll_ctl");
}

std::optional<Ended> Sockets::next(TimePoint deadline) {
  while (ended_.empty()) {
    if (now() >= deadline) return std::nullopt;
    epoll_.wait(deadline, [this](uint64_t attempt, uint32_t) { ended_.push_back({attempt, end_of(attempt)}); });
  }
  const Ended first = ended_.front();
  ended_.pop_front();
  return first;
}

End Sockets::end_of(size_t attempt) const noexcept {
  const int fd = sockets_[attempt].get();
  if (until_ == Until::first_bytes) {
    std::array<char, 64> bytes;
    return ::recv(fd, bytes.data(), bytes.size(), 0) > 0 ? End::ready : End::failed;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? End::ready : End::failed;
}

}  // namespace connbench::channels
