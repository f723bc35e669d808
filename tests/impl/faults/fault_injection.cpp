#include "tests/impl/faults/fault_injection.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace connbench {
namespace {

struct Plan {
  std::atomic<int> error{0};
  std::atomic<unsigned> every{1};
  std::atomic<unsigned> at_most{0};
  std::atomic<unsigned> calls{0};
  std::atomic<unsigned> injected{0};
};
std::array<Plan, function_count> plans;
std::atomic<uint64_t> added_last{0};  // the epoll data of the descriptor added last

Plan& plan_of(Function function) {
  return plans[static_cast<size_t>(function)];
}

// The errno with which this call must fail, 0 = none.
int fault(Function function) {
  Plan& plan = plan_of(function);
  const int error = plan.error;
  if (error == 0 || ++plan.calls % plan.every != 0) return 0;
  if (plan.injected.fetch_add(1) < plan.at_most) return error;
  --plan.injected;
  return 0;
}

template <class Real>
int unless_faulty(Function function, Real real) {
  const int error = fault(function);
  if (error == 0) return real();
  errno = error;
  return -1;
}

template <class Real>
int faulty_epoll(epoll_event* events, Real real) {
  if (fault(Function::no_event) != 0) {
    events[0] = {.events = EPOLLERR, .data = {.u64 = added_last}};
    return 1;
  }
  return unless_faulty(Function::epoll_wait, [&] {
    const int count = real();
    for (int i = 0; i < count; ++i)
      if ((events[i].events & EPOLLOUT) != 0 && fault(Function::epoll_event) != 0) events[i].events = EPOLLERR;
    return count;
  });
}

}  // namespace

const char* name_of(Function function) {
  constexpr std::array<const char*, function_count> names = {
      "socket",         "connect",         "setsockopt",   "getsockopt",    "epoll_ctl",
      "epoll_wait",     "epoll_event",     "no_event",     "select",        "ppoll",
      "pthread_create", "timerfd_settime", "timer_create", "timer_settime", "io_uring_enter"};
  return names[static_cast<size_t>(function)];
}

Fault::Fault(Function function, int error, unsigned every, unsigned at_most) : function_(function) {
  Plan& plan = plan_of(function);
  plan.calls = plan.injected = 0;
  plan.every = every;
  plan.at_most = at_most;
  plan.error = error;
}

Fault::~Fault() {
  plan_of(function_).error = 0;
}

unsigned Fault::calls() const {
  return plan_of(function_).calls;
}

unsigned Fault::injected() const {
  return plan_of(function_).injected;
}

}  // namespace connbench

using connbench::Function;
using connbench::unless_faulty;

extern "C" {

int __real_socket(int, int, int);
int __wrap_socket(int domain, int type, int protocol) {
  return unless_faulty(Function::socket, [&] { return __real_socket(domain, type, protocol); });
}

int __real_connect(int, const sockaddr*, socklen_t);
int __wrap_connect(int fd, const sockaddr* address, socklen_t size) {
  const int error = connbench::fault(Function::connect);
  if (error == 0) return __real_connect(fd, address, size);
  if (error == EINTR && address->sa_family != AF_UNIX) __real_connect(fd, address, size);
  errno = error;
  return -1;
}

int __real_setsockopt(int, int, int, const void*, socklen_t);
int __wrap_setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  const auto real = [&] { return __real_setsockopt(fd, level, name, value, size); };
  const bool bounds_connect = (level == SOL_SOCKET && name == SO_SNDTIMEO) ||
                              (level == IPPROTO_TCP && (name == TCP_USER_TIMEOUT || name == TCP_SYNCNT));
  return bounds_connect ? unless_faulty(Function::setsockopt, real) : real();
}

int __real_getsockopt(int, int, int, void*, socklen_t*);
int __wrap_getsockopt(int fd, int level, int name, void* value, socklen_t* size) {
  const auto real = [&] { return __real_getsockopt(fd, level, name, value, size); };
  return level == SOL_SOCKET && name == SO_ERROR ? unless_faulty(Function::getsockopt, real) : real();
}

int __real_epoll_ctl(int, int, int, epoll_event*);
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  if (operation == EPOLL_CTL_ADD) connbench::added_last = event->data.u64;
  return unless_faulty(Function::epoll_ctl, [&] { return __real_epoll_ctl(epoll, operation, fd, event); });
}

int __real_epoll_wait(int, epoll_event*, int, int);
int __wrap_epoll_wait(int epoll, epoll_event* events, int size, int timeout) {
  return connbench::faulty_epoll(events, [&] { return __real_epoll_wait(epoll, events, size, timeout); });
}

int __real_epoll_pwait2(int, epoll_event*, int, const timespec*, const sigset_t*);
int __wrap_epoll_pwait2(int epoll, epoll_event* events, int size, const timespec* timeout, const sigset_t* mask) {
  return connbench::faulty_epoll(events, [&] { return __real_epoll_pwait2(epoll, events, size, timeout, mask); });
}

int __real_select(int, fd_set*, fd_set*, fd_set*, timeval*);
int __wrap_select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  if (connbench::fault(Function::no_event) != 0) {
    for (fd_set* set : {read, write}) {
      FD_ZERO(set);
      FD_SET(count - 1, set);
    }
    return 2;
  }
  return unless_faulty(Function::select, [&] { return __real_select(count, read, write, except, timeout); });
}

int __real_ppoll(pollfd*, nfds_t, const timespec*, const sigset_t*);
int __wrap_ppoll(pollfd* polled, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (connbench::fault(Function::no_event) != 0) {
    polled[0].revents = POLLERR;
    return 1;
  }
  return unless_faulty(Function::ppoll, [&] { return __real_ppoll(polled, count, timeout, mask); });
}

int __real_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  const int error = connbench::fault(Function::pthread_create);
  return error != 0 ? error : __real_pthread_create(thread, attributes, run, argument);
}

int __real_timerfd_settime(int, int, const itimerspec*, itimerspec*);
int __wrap_timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* old) {
  return unless_faulty(Function::timerfd_settime, [&] { return __real_timerfd_settime(fd, flags, value, old); });
}

int __real_timer_create(clockid_t, sigevent*, timer_t*);
int __wrap_timer_create(clockid_t clock, sigevent* event, timer_t* timer) {
  return unless_faulty(Function::timer_create, [&] { return __real_timer_create(clock, event, timer); });
}

int __real_timer_settime(timer_t, int, const itimerspec*, itimerspec*);
int __wrap_timer_settime(timer_t timer, int flags, const itimerspec* value, itimerspec* old) {
  const bool disarms = value->it_value.tv_sec == 0 && value->it_value.tv_nsec == 0;
  const auto real = [&] { return __real_timer_settime(timer, flags, value, old); };
  return disarms ? real() : unless_faulty(Function::timer_settime, real);
}

int __real_io_uring_submit(io_uring*);
int __wrap_io_uring_submit(io_uring* ring) {
  const int error = connbench::fault(Function::io_uring_enter);
  return error != 0 ? -error : __real_io_uring_submit(ring);
}

int __real_io_uring_submit_and_wait_timeout(io_uring*, io_uring_cqe**, unsigned, __kernel_timespec*, sigset_t*);
int __wrap_io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** completion, unsigned count,
                                            __kernel_timespec* time, sigset_t* mask) {
  if (const int error = connbench::fault(Function::io_uring_enter); error != 0) return -error;
  return __real_io_uring_submit_and_wait_timeout(ring, completion, count, time, mask);
}

}  // extern "C"
