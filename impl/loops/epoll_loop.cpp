#include "impl/loops/epoll_loop.h"

#include <errno.h>

#include <span>

namespace connbench {
namespace {

bool waits_by_timerfd(const Options& options) {
  return options.choice("wait") == "timerfd";
}

}  // namespace

EpollLoop::EpollLoop(const ConnectorSettings& settings, uint32_t how)
    : LoopConnector(settings),
      how_(how),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      generations_(settings.max_in_flight) {
  if (waits_by_timerfd(settings.options)) timer_.emplace(epoll_.get());
}

Capabilities EpollLoop::capabilities() const {
  return {.deadline_by = timer_ ? Capabilities::DeadlineBy::timer : Capabilities::DeadlineBy::wait,
          .granularity = Duration(1)};
}

// A socket that becomes ready before it is watched is still reported: EPOLL_CTL_ADD and EPOLL_CTL_MOD check its state,
// even in edge-triggered mode. There is no EPOLL_CTL_DEL: closing the only descriptor of a socket removes it.
Evidence EpollLoop::control(int operation, uint32_t index) {
  const uint64_t tag = uint64_t{generations_[index]} << 32 | index;
  epoll_event event{.events = EPOLLOUT | how_, .data = {.u64 = tag}};
  const int result = ::epoll_ctl(epoll_.get(), operation, pending()[index].fd.get(), &event);
  return {.call = Call::wait, .error = result == 0 ? 0 : errno};
}

int EpollLoop::wait(TimePoint wake) {
  if (timer_ && wake != at_once)
    if (const int error = timer_->set(wake); error != 0) return error;
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
  if (event.data.u64 == WakeTimer::tag) return timer_->on_expiry();
  const auto index = static_cast<uint32_t>(event.data.u64);
  if (event.data.u64 >> 32 != generations_[index]) return;  // from an attempt that has ended
  if (ready(index, (event.events & EPOLLOUT) != 0)) return;
  // The error came without an outcome. It is reported only once, so the socket has to be registered again.
  if (const Evidence evidence = control(EPOLL_CTL_MOD, index); evidence.error != 0) end(index, evidence);
}

std::optional<std::string> probe_epoll(const ConnectorSettings& settings) {
  epoll_event none{};
  const auto call = [&none] { return ::epoll_pwait2(-1, &none, 1, nullptr, nullptr); };  // EBADF where it exists
  if (!waits_by_timerfd(settings.options) && call() < 0 && errno == ENOSYS)
    return "this kernel has no epoll_pwait2() (since Linux 5.11)";
  return probe_socket_setup(settings);
}

}  // namespace connbench
