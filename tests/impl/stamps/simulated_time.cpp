#include "tests/impl/stamps/simulated_time.h"

#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>
#include <optional>

#include "impl/sockets/wake_timer.h"

namespace connbench {
namespace {

struct World {
  TimePoint time{std::chrono::hours(1)};
  TimePoint alarm = TimePoint::max();  // of the timerfd
  SimulatedTime::Costs costs;
};
std::optional<World> world;

Duration duration_of(const timespec& t) {
  return std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec);
}

void pass(Duration duration) {
  if (world) world->time += std::max(duration, Duration::zero());
}

void pass_until(TimePoint time) {
  if (world) world->time = std::max(world->time, time);
}

}  // namespace

SimulatedTime::SimulatedTime(const Costs& costs) {
  world.emplace();
  world->costs = costs;
}

SimulatedTime::~SimulatedTime() {
  world.reset();
}

// std::chrono::steady_clock::now(), by its name in the library.
Clock::time_point real_now() noexcept asm("__real__ZNSt6chrono3_V212steady_clock3nowEv");
Clock::time_point wrapped_now() noexcept asm("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");
Clock::time_point wrapped_now() noexcept {
  return world ? world->time : real_now();
}

}  // namespace connbench

using connbench::Duration;
using connbench::world;

extern "C" {

int __real_close(int fd);
int __real_ppoll(pollfd* fds, nfds_t count, const timespec* time, const sigset_t* mask);
int __real_select(int count, fd_set* in, fd_set* out, fd_set* except, timeval* time);
int __real_epoll_wait(int epoll, epoll_event* events, int size, int milliseconds);
int __real_epoll_pwait2(int epoll, epoll_event* events, int size, const timespec* time, const sigset_t* mask);
int __real_timerfd_settime(int timer, int flags, const itimerspec* at, itimerspec* old);
int __real_clock_nanosleep(clockid_t clock, int flags, const timespec* until, timespec* left);
int __real_io_uring_submit(io_uring* ring);
int __real_io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned wait_for,
                                            __kernel_timespec* time, sigset_t* mask);

int __wrap_close(int fd) {
  if (world) connbench::pass(world->costs.close);
  return __real_close(fd);
}

int __wrap_ppoll(pollfd* fds, nfds_t count, const timespec* time, const sigset_t* mask) {
  if (!world || time == nullptr) return __real_ppoll(fds, count, time, mask);
  connbench::pass(connbench::duration_of(*time));
  constexpr timespec none{};
  return __real_ppoll(fds, count, &none, mask);
}

int __wrap_select(int count, fd_set* in, fd_set* out, fd_set* except, timeval* time) {
  if (!world || time == nullptr) return __real_select(count, in, out, except, time);
  connbench::pass(std::chrono::seconds(time->tv_sec) + std::chrono::microseconds(time->tv_usec));
  timeval none{};
  return __real_select(count, in, out, except, &none);
}

int __wrap_epoll_wait(int epoll, epoll_event* events, int size, int milliseconds) {
  if (!world || milliseconds == 0 || world->alarm == connbench::TimePoint::max())
    return __real_epoll_wait(epoll, events, size, world ? 0 : milliseconds);
  connbench::pass_until(std::exchange(world->alarm, connbench::TimePoint::max()));
  events[0] = {.events = EPOLLIN, .data = {.u64 = connbench::WakeTimer::tag}};
  return 1;
}

int __wrap_epoll_pwait2(int epoll, epoll_event* events, int size, const timespec* time, const sigset_t* mask) {
  if (!world || time == nullptr) return __real_epoll_pwait2(epoll, events, size, time, mask);
  connbench::pass(connbench::duration_of(*time));
  constexpr timespec none{};
  return __real_epoll_pwait2(epoll, events, size, &none, mask);
}

int __wrap_timerfd_settime(int timer, int flags, const itimerspec* at, itimerspec* old) {
  if (!world) return __real_timerfd_settime(timer, flags, at, old);
  world->alarm = connbench::TimePoint(connbench::duration_of(at->it_value));
  return 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const timespec* until, timespec* left) {
  if (!world) return __real_clock_nanosleep(clock, flags, until, left);
  connbench::pass_until(connbench::TimePoint(connbench::duration_of(*until)));
  connbench::pass(Duration(::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)));
  return 0;
}

int __wrap_io_uring_submit(io_uring* ring) {
  if (world) connbench::pass(world->costs.request * io_uring_sq_ready(ring));
  return __real_io_uring_submit(ring);
}

int __wrap_io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned wait_for,
                                            __kernel_timespec* time, sigset_t* mask) {
  if (!world) return __real_io_uring_submit_and_wait_timeout(ring, first, wait_for, time, mask);
  connbench::pass(world->costs.request * io_uring_sq_ready(ring));
  connbench::pass(std::chrono::seconds(time->tv_sec) + Duration(time->tv_nsec));
  const int result = io_uring_submit_and_get_events(ring);
  return result < 0 ? result : -ETIME;
}

}  // extern "C"
