// libevent: a bufferevent for each attempt, bufferevent_socket_connect() and its write timeout. Choose it for a program
// that will read and write through the same bufferevent. By default libevent uses the kernel's coarse clock, so a
// timeout may expire up to one tick too early, or more when the tick is late.
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <deque>
#include <memory>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

Duration coarse_clock_step() {
  timespec step{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &step);
  return std::chrono::seconds(step.tv_sec) + std::chrono::nanoseconds(step.tv_nsec);
}

timeval to_timeval(Duration duration) {
  const auto whole = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  return {whole / 1'000'000, whole % 1'000'000};
}

template <class T>
T* not_null(T* object, const char* call) {
  if (object == nullptr) throw std::system_error(errno != 0 ? errno : ENOMEM, std::generic_category(), call);
  return object;
}

// The base that event_base_new() makes, whatever the environment says (EVENT_NOEPOLL, EVENT_PRECISE_TIMER, …).
event_base* new_base() {
  const std::unique_ptr<event_config, void (*)(event_config*)> config(
      not_null(::event_config_new(), "event_config_new"), ::event_config_free);
  ::event_config_set_flag(config.get(), EVENT_BASE_FLAG_IGNORE_ENV);
  return not_null(::event_base_new_with_config(config.get()), "event_base_new_with_config");
}

struct Free {
  void operator()(event_base* base) const { ::event_base_free(base); }
  void operator()(event* watched) const { ::event_free(watched); }
};

class Libevent final : public LibraryConnector {
 public:
  explicit Libevent(const ConnectorSettings& settings)
      : LibraryConnector(settings),
        base_(new_base()),
        alarm_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")),
        wake_(not_null(::event_new(base_.get(), alarm_.get(), EV_READ | EV_PERSIST, on_alarm, this), "event_new")),
        slots_(settings.max_in_flight) {
    if (::event_add(wake_.get(), nullptr) != 0) throw std::system_error(errno, std::generic_category(), "event_add");
    for (Slot& slot : slots_) {
      slot.owner = this;
      adopt(slot);
    }
  }
  ~Libevent() override { shut_down(); }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer,
            .granularity = std::chrono::milliseconds(1),  // libevent waits in epoll_wait()
            .early = coarse_clock_step()};
  }

 private:
  struct Slot : InFlight {
    Libevent* owner = nullptr;
    bufferevent* connection = nullptr;
    bool beginning = false;  // inside bufferevent_socket_connect()
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    const Endpoint& to = attempt.endpoints.front();
    UniqueFd fd(-1);
    if (!library_opens_sockets()) {
      slot.completion.started = now();
      if (const Evidence evidence = open_socket(slot.family, fd); evidence.error != 0) return fail(slot, evidence);
    }
    slot.connection = ::bufferevent_socket_new(base_.get(), fd.get(), 0);
    if (slot.connection != nullptr) fd.release();
    if (slot.connection == nullptr) {
      slot.completion.result = {Outcome::exhausted, Stage::none, ENOMEM};
      return ended(slot);
    }
    const timeval timeout = to_timeval(attempt.timeout);
    ::bufferevent_set_timeouts(slot.connection, nullptr, &timeout);
    ::bufferevent_setcb(slot.connection, nullptr, nullptr, on_event, &slot);
    slot.beginning = true;
    if (library_opens_sockets()) slot.completion.started = now();
    const int result = ::bufferevent_socket_connect(slot.connection, to.address(), static_cast<int>(to.size()));
    const int error = errno;
    if (result != 0 && !slot.decided) finish(slot, {.call = call_that_failed(error), .error = error});
    slot.beginning = false;
  }

  // Before there is a bufferevent.
  void fail(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    ended(slot);
  }

  static void on_event(bufferevent*, short what, void* context) {
    auto& slot = *static_cast<Slot*>(context);
    const int error = EVUTIL_SOCKET_ERROR();
    if (slot.decided) return;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
      slot.owner->finish(slot, {.call = call_that_reported(0, slot.family)});
    } else if ((what & BEV_EVENT_TIMEOUT) != 0) {
      slot.owner->finish(slot, {.call = Call::wait, .deadline_passed = true});
    } else if (slot.beginning) {  // some versions call back synchronously
      slot.owner->finish(slot, {.call = call_that_failed(error), .error = error});
    } else if (slot.family == AF_UNIX) {
      // ECONNREFUSED from connect() is the only error that libevent defers, and errno does not hold it any more.
      slot.owner->finish(slot, {.call = Call::connect, .error = ECONNREFUSED});
    } else {
      slot.owner->finish(slot, {.call = Call::so_error, .error = error});
    }
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  // The socket is removed from the bufferevent first. The bufferevent frees itself when nothing uses it any more.
  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    bufferevent* const connection = std::exchange(slot.connection, nullptr);
    UniqueFd fd(::bufferevent_getfd(connection));
    ::bufferevent_setfd(connection, -1);
    ::bufferevent_free(connection);
    retirement().retire(std::move(fd), slot.completion);
    ended(slot);
  }

  // A timerfd wakes reap(): with its own timers, libevent would spin until its coarse clock has caught up. The wake-up
  // is only ever moved to an earlier time: an early one costs one iteration, while postponing it would cost a system
  // call per reap().
  void run_loop(TimePoint wake) override {
    if (wake != at_once && wake < wake_set_for_) {
      const itimerspec at{.it_interval = {}, .it_value = to_timespec(wake)};
      ::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
      wake_set_for_ = wake;
    }
    ::event_base_loop(base_.get(), wake == at_once ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
  }

  static void on_alarm(evutil_socket_t fd, short, void* connector) {
    uint64_t expirations;
    if (::read(fd, &expirations, sizeof expirations) > 0)
      static_cast<Libevent*>(connector)->wake_set_for_ = TimePoint::max();
  }

  std::unique_ptr<event_base, Free> base_;
  UniqueFd alarm_;
  std::unique_ptr<event, Free> wake_;
  TimePoint wake_set_for_ = TimePoint::max();
  std::deque<Slot> slots_;
};

}  // namespace

constexpr std::string_view variables[] = {"EVENT_*"};

extern const ConnectorEntry libevent;
const ConnectorEntry libevent{
    .name = "libevent",
    .summary = "libevent: a bufferevent per attempt, with its write timeout",
    .options = unrepeated_socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<Libevent>,
    .library = []() -> Library {
      return {"libevent", ::event_get_version(), true};
    },
    .group = "libraries",
    .steered_by = variables,
};

}  // namespace connbench::connectors
