#include "impl/loops/epoll_loop.h"

#include <sys/timerfd.h>

#include <span>

namespace connbench {
namespace {

constexpr uint64_t timer_tag = UINT64_MAX;

bool waits_by_timerfd(const Options& options) {
  return options.choice("wait") == "timerfd";
}

}  // namespace

EpollLoop::EpollLoop(const ConnectorSettings& settings, uint32_t how)
    : LoopConnector(settings),
      how_(how),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      generations_(settings.max_in_flight) {
  if (!waits_by_timerfd(settings.options)) return;
  timer_.reset(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create"));
  // Edge-triggered: an expiry is seen once, and setting the timer again is all that it asks for.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = timer_tag}};
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
}

Capabilities EpollLoop::capabilities() const {
  return {.deadline_by = timer_ ? Capabilities::DeadlineBy::timer : Capabilities::DeadlineBy::wait,
          .granularity = Duration(1)};
}

// A socket that is ready before it is watched is reported all the same: EPOLL_CTL_ADD and _MOD look at it, also when
// edges are asked for. Nothing has to be unwatched: closing the only descriptor of a socket takes it out of the epoll.
Evidence EpollLoop::control(int operation, uint32_t index) {
  const uint64_t tag = uint64_t{generations_[index]} << 32 | index;
  epoll_event event{.events = EPOLLOUT | how_, .data = {.u64 = tag}};
  const int result = ::epoll_ctl(epoll_.get(), operation, pending()[index].fd.get(), &event);
  return {.call = Call::wait, .error = result == 0 ? 0 : errno};
}

int EpollLoop::wait(TimePoint wake) {
  if (timer_ && wake != at_once)
    if (const int error = set_timer(wake); error != 0) return error;
  const int count = wait_for_events(wake);
  if (count < 0) return errno;
  for (const epoll_event& event : std::span(events_).first(static_cast<size_t>(count))) take(event);
  return 0;
}

int EpollLoop::wait_for_events(TimePoint wake) {
  const auto size = static_cast<int>(events_.size());
  if (timer_ || wake == at_once) return ::epoll_wait(epoll_.get(), events_.data(), size, wake == at_once ? 0 : -1);
  const timespec left = to_timespec(wake - now());
  return ::epoll_pwait2(epoll_.get(), events_.data(), size, &left, nullptr);
}

void EpollLoop::take(const epoll_event& event) {
  if (event.data.u64 == timer_tag) {
    timer_set_for_ = TimePoint::max();
    return;
  }
  const auto index = static_cast<uint32_t>(event.data.u64);
  if (event.data.u64 >> 32 != generations_[index]) return;  // of an attempt that is over
  if (ready(index, (event.events & EPOLLOUT) != 0)) return;
  // An error alone: reported once, so that the rest must be asked for again.
  if (const Evidence evidence = control(EPOLL_CTL_MOD, index); evidence.error != 0) end(index, evidence, now());
}

// The timer is moved only to an earlier time: firing too soon costs one turn of the loop, moving it on would cost a
// system call per attempt.
int EpollLoop::set_timer(TimePoint time) {
  if (time >= timer_set_for_) return 0;
  const itimerspec at{.it_interval = {}, .it_value = to_timespec(time)};
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) return errno;
  timer_set_for_ = time;
  return 0;
}

std::optional<std::string> probe_epoll(const ConnectorSettings& settings) {
  epoll_event none{};
  const auto asked = [&none] { return ::epoll_pwait2(-1, &none, 1, nullptr, nullptr); };  // EBADF where it exists
  if (!waits_by_timerfd(settings.options) && asked() < 0 && errno == ENOSYS)
    return "this kernel has no epoll_pwait2() (Linux 5.11)";
  return probe_source_port(settings);
}

}  // namespace connbench
