#include "harness/targets/accept_server.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "harness/support/clock.h"
#include "harness/targets/served_target.h"

namespace connbench {
namespace {

/// Open connections in order of arrival.
class HeldConnections {
 public:
  void add(int fd) {
    const auto index = static_cast<size_t>(fd);
    if (index >= links_.size()) links_.resize(2 * index + 1);
    links_[index] = {.older = newest_, .newer = -1};
    (newest_ < 0 ? oldest_ : link(newest_).newer) = fd;
    newest_ = fd;
  }

  void close(int fd) {
    const Link at = link(fd);
    (at.older < 0 ? oldest_ : link(at.older).newer) = at.newer;
    (at.newer < 0 ? newest_ : link(at.newer).older) = at.older;
    ::close(fd);
  }

  /// Returns false when no connection is open.
  bool close_oldest() {
    if (oldest_ < 0) return false;
    close(oldest_);
    return true;
  }

 private:
  struct Link {
    int older;
    int newer;
  };
  Link& link(int fd) { return links_[static_cast<size_t>(fd)]; }

  std::vector<Link> links_;  // by descriptor
  int oldest_ = -1;
  int newest_ = -1;
};

/// The time of day as a line, in the format of the daytime service (RFC 867). Updated once a second.
class Greeting {
 public:
  const std::string& text() {
    const time_t seconds = ::time(nullptr);
    if (seconds == written_) return text_;
    written_ = seconds;
    tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 64> line{};
    text_.assign(line.data(), ::strftime(line.data(), line.size(), "%A, %B %d, %Y %H:%M:%S-UTC\r\n", &utc));
    return text_;
  }

 private:
  time_t written_ = 0;
  std::string text_;
};

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void sleep_for(Duration duration) {
  const timespec time = to_timespec(duration);
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

/// Whether the peer has already closed or reset the connection.
bool is_over(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

// A server that only holds connections sleeps between rounds of accepting. No client waits for accept(), because the
// kernel completes the handshake. A server sleeping in epoll_wait would be woken by each client's connect(), which made
// a connect 25 % more expensive for the client. The interval is short enough for any backlog.
constexpr Duration between_rounds = std::chrono::microseconds(100);
constexpr Duration until_resources_return = std::chrono::milliseconds(1);

class AcceptServer {
 public:
  AcceptServer(std::span<const int> listeners, AfterAccept then, WhenIdle idle)
      : then_(then), spins_(idle == WhenIdle::spin), epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
    for (const int listener : listeners) checked(watch(listener, ~listener, EPOLLIN), "epoll_ctl");
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int wait = ::epoll_wait(epoll_.get(), events.data(), events.size(), spins_ ? 0 : -1);
      const std::span ready(events.data(), static_cast<size_t>(std::max(wait, 0)));
      // Close ended connections first: accept() may reuse the number of a descriptor closed here, and an older event
      // naming that number must not remain unprocessed.
      for (const epoll_event& event : ready) {
        if (event.data.fd >= 0) held_.close(event.data.fd);
      }
      for (const epoll_event& event : ready) {
        if (event.data.fd < 0) accept_from(~event.data.fd);
      }
      if (then_ == AfterAccept::hold && !spins_) sleep_for(between_rounds);
    }
  }

 private:
  /// `name` is what the event carries: a connection's descriptor, or the complement of a listener's.
  int watch(int fd, int name, uint32_t what) {
    epoll_event event{.events = what, .data = {.fd = name}};
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  /// Accepts a bounded batch. The listener is level-triggered, so connections left over are reported again after the
  /// other events had their turn. When every descriptor is in use, accept4 fails with EMFILE even if no connection is
  /// waiting, so one descriptor ends up spare.
  void accept_from(int listener) {
    for (int left = 256; left > 0; --left) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        take(fd);
      } else if (out_of_resources(errno)) {
        if (!held_.close_oldest()) return sleep_for(until_resources_return);
      } else if (errno == EAGAIN) {
        return;
      }
    }
  }

  void take(int fd) {
    if (then_ == AfterAccept::greet) greet(fd);
    // A server that has fallen behind accepts connections that have already ended. Checking directly is cheaper than
    // going through epoll.
    if (then_ != AfterAccept::close && !is_over(fd) && watch(fd, fd, EPOLLRDHUP | EPOLLET) == 0) {
      held_.add(fd);
    } else {
      ::close(fd);
    }
  }

  void greet(int fd) {
    const std::string& line = greeting_.text();
    std::ignore = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL);  // a peer that has left misses the greeting
  }

  AfterAccept then_;
  bool spins_;
  UniqueFd epoll_;
  HeldConnections held_;
  Greeting greeting_;
};

}  // namespace

void serve_accepting(std::span<const int> listeners, AfterAccept then, WhenIdle idle) {
  AcceptServer(listeners, then, idle).run();
}

std::unique_ptr<Target> accept_on(BoundSockets bound, const TargetRequest& request, AfterAccept then) {
  listen_on(bound, longest_backlog());
  const WhenIdle idle = request.spin ? WhenIdle::spin : WhenIdle::sleep;
  return std::make_unique<ServedTarget>(std::move(bound), request.cpus, [then, idle](std::span<const int> listeners) {
    serve_accepting(listeners, then, idle);
  });
}

}  // namespace connbench
