#include "bench/bare_calls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

#include "harness/support/unique_fd.h"
#include "impl/threads/interrupting_signal.h"

namespace connbench {
namespace {

// Long enough for a SYN to be retransmitted on a busy machine.
constexpr int bound_s = 30;

template <class Value>
void set(int fd, int level, int name, const Value& value) {
  checked(::setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

void reset_and_close(int fd) {
  set(fd, SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
  ::close(fd);
}

int open_blocking(const Endpoint& to) {
  bare_stamp();
  return checked(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

void connect_and_close(int fd, const Endpoint& to) {
  checked(::connect(fd, to.address(), to.size()), "connect");
  bare_stamp();
  reset_and_close(fd);
}

class BareTimer {
 public:
  BareTimer() {
    install_interrupting_handler(deadline_signal());
    sigevent event = signal_to_this_thread(deadline_signal());
    checked(::timer_create(CLOCK_MONOTONIC, &event, &timer_), "timer_create");
  }
  ~BareTimer() { ::timer_delete(timer_); }
  BareTimer(const BareTimer&) = delete;
  BareTimer& operator=(const BareTimer&) = delete;
  void set(const itimerspec& at) { checked(::timer_settime(timer_, TIMER_ABSTIME, &at, nullptr), "timer_settime"); }

 private:
  timer_t timer_{};
};

}  // namespace

int bare_open(const Endpoint& to, const BareSocket& socket) {
  const int fd = checked(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, socket.protocol), "socket");
  if (socket.fastopen) set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
  if (socket.source != nullptr) {
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    checked(::bind(fd, socket.source->address(), socket.source->size()), "bind");
  }
  if (::connect(fd, to.address(), to.size()) != 0 && errno != EINPROGRESS) checked(-1, "connect");
  return fd;
}

int bare_begin(const Endpoint& to, const BareSocket& socket) {
  bare_stamp();
  return bare_open(to, socket);
}

void bare_end(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  checked(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt");
  bare_stamp();
  reset_and_close(fd);
}

void bare_plain(const Endpoint& to) {
  connect_and_close(open_blocking(to), to);
}

void bare_sndtimeo(const Endpoint& to) {
  const int fd = open_blocking(to);
  set(fd, SOL_SOCKET, SO_SNDTIMEO, timeval{.tv_sec = bound_s, .tv_usec = 0});
  connect_and_close(fd, to);
}

void bare_user_timeout(const Endpoint& to) {
  const int fd = open_blocking(to);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000U * bound_s);
  connect_and_close(fd, to);
}

void bare_syncnt(const Endpoint& to) {
  const int fd = open_blocking(to);
  set(fd, IPPROTO_TCP, TCP_SYNCNT, 6);
  connect_and_close(fd, to);
}

void bare_signal(const Endpoint& to) {
  thread_local BareTimer timer;
  const int fd = open_blocking(to);
  timer.set({.it_interval = {}, .it_value = to_timespec(now() + std::chrono::seconds(bound_s))});
  checked(::connect(fd, to.address(), to.size()), "connect");
  bare_stamp();
  timer.set({});
  reset_and_close(fd);
}

void bare_select_one(const Endpoint& to) {
  const int fd = bare_begin(to);
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(fd, &writable);
  timeval left{.tv_sec = bound_s, .tv_usec = 0};
  checked(::select(fd + 1, nullptr, &writable, nullptr, &left), "select");
  bare_end(fd);
}

void bare_poll_one(const Endpoint& to) {
  const int fd = bare_begin(to);
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  const timespec left{.tv_sec = bound_s, .tv_nsec = 0};
  checked(::ppoll(&polled, 1, &left, nullptr), "ppoll");
  bare_end(fd);
}

}  // namespace connbench
