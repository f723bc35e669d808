// One thread, one epoll, everything in flight at once. Choose it for many connections: what is pending costs a socket
// and an entry of a table, and no thread.
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <array>
#include <span>

#include "impl/loop.h"

namespace connbench::connectors_table {
namespace {

class Epoll final : public LoopConnector {
 public:
  explicit Epoll(const ConnectorSettings& settings)
      : LoopConnector(settings),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        timer_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {
    // Edge-triggered: an expiry is seen once, and setting the timer again is all that it asks for.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u32 = timer_tag}};
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
  }

  Traits traits() const override { return {.deadline_by = Traits::DeadlineBy::timer, .granularity = Duration(1)}; }

 private:
  static constexpr uint32_t timer_tag = Pending::none;

  Evidence watch(uint32_t index) override { return control(EPOLL_CTL_ADD, index); }

  // Nothing to unwatch. Closing the only descriptor of a socket takes it out of the epoll; a connection that is held
  // stays in it, but has been reported, and one-shot means that it never is again.
  Evidence control(int operation, uint32_t index) {
    epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.u32 = index}};
    const int result = ::epoll_ctl(epoll_.get(), operation, pending()[index].fd.get(), &event);
    return {.call = Call::wait, .error = result == 0 ? 0 : errno};
  }

  int wait(TimePoint wake) override {
    if (wake != at_once)
      if (const int error = set_timer(wake); error != 0) return error;
    const int count =
        ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), wake == at_once ? 0 : -1);
    if (count < 0) return errno;
    for (const epoll_event& event : std::span(events_).first(static_cast<size_t>(count))) take(event);
    return 0;
  }

  void take(const epoll_event& event) {
    const uint32_t index = event.data.u32;
    if (index == timer_tag) {
      timer_set_for_ = TimePoint::max();
    } else if (!ready(index, (event.events & EPOLLOUT) != 0)) {
      if (const Evidence evidence = control(EPOLL_CTL_MOD, index); evidence.error != 0) end(index, evidence, now());
    }
  }

  // The timer is moved only to an earlier time: firing too soon costs one turn of the loop, moving it on would cost a
  // system call per attempt.
  int set_timer(TimePoint time) {
    if (time >= timer_set_for_) return 0;
    const itimerspec at{.it_interval = {}, .it_value = to_timespec(time)};
    if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) return errno;
    timer_set_for_ = time;
    return 0;
  }

  UniqueFd epoll_;
  UniqueFd timer_;
  TimePoint timer_set_for_ = TimePoint::max();
  std::array<epoll_event, 256> events_{};
};

}  // namespace

extern const ConnectorEntry epoll;
const ConnectorEntry epoll{
    .name = "epoll",
    .summary = "one thread, one epoll loop, deadlines by a timerfd",
    .options = {&source_port_option, 1},
    .probe = probe_source_port,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<Epoll>(settings);
    },
};

}  // namespace connbench::connectors_table
