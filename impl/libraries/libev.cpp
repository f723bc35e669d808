// libev: an ev_io and an ev_timer for each attempt. Choose it for a small C event loop around your own system calls: it
// watches sockets but does not open them.
#include <errno.h>
#include <ev.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"
#include "impl/sockets/begin_connect.h"

namespace connbench::connectors {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

class Libev final : public LibraryConnector {
 public:
  explicit Libev(const ConnectorSettings& settings)
      : LibraryConnector(settings), loop_(::ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)), slots_(settings.max_in_flight) {
    if (loop_ == nullptr) throw std::system_error(errno, std::generic_category(), "ev_loop_new");
    ev_init(&wake_, [](struct ev_loop*, ev_timer*, int) {});
    for (Slot& slot : slots_) {
      slot.owner = this;
      slot.io.data = slot.timer.data = &slot;
      ev_init(&slot.io, on_ready);
      ev_init(&slot.timer, on_timer);
      adopt(slot);
    }
  }

  ~Libev() override {
    shut_down();
    ::ev_timer_stop(loop_, &wake_);
    ::ev_loop_destroy(loop_);
  }

  // libev waits in epoll_wait(), in whole milliseconds.
  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = std::chrono::milliseconds(1)};
  }

 private:
  struct Slot : InFlight {
    Libev* owner = nullptr;
    UniqueFd fd{-1};
    ev_io io{};
    ev_timer timer{};
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    Begun begun = begin_connect(attempt, setup());
    slot.completion.started = begun.started;
    slot.fd = std::move(begun.fd);
    if (!begun.pending()) return finish(slot, begun.evidence);
    ev_io_set(&slot.io, slot.fd.get(), EV_WRITE);
    ::ev_io_start(loop_, &slot.io);
    start(slot.timer, attempt.timeout);
  }

  // The loop's cached time is as old as its last iteration.
  void start(ev_timer& timer, Duration duration) {
    ::ev_now_update(loop_);
    ev_timer_set(&timer, seconds(duration), 0.);
    ::ev_timer_start(loop_, &timer);
  }

  static void on_ready(struct ev_loop*, ev_io* io, int) {
    auto& slot = *static_cast<Slot*>(io->data);
    const Evidence evidence = end_connect(slot.fd.get(), slot.family);
    if (evidence.error == 0 && still_connecting(slot.fd.get())) return;
    slot.owner->finish(slot, evidence);
  }

  static void on_timer(struct ev_loop*, ev_timer* timer, int) {
    auto& slot = *static_cast<Slot*>(timer->data);
    slot.owner->finish(slot, {.call = Call::wait, .deadline_passed = true});
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    ::ev_io_stop(loop_, &slot.io);
    ::ev_timer_stop(loop_, &slot.timer);
    retirement().retire(std::move(slot.fd), slot.completion);
    ended(slot);
  }

  // The wake-up is only ever moved to an earlier time: an early one costs one iteration, while postponing it would cost
  // a timer operation per reap().
  void run_loop(TimePoint wake) override {
    if (wake != at_once && wake < wake_set_for_) {
      ::ev_timer_stop(loop_, &wake_);
      start(wake_, std::max(wake - now(), Duration::zero()));
      wake_set_for_ = wake;
    }
    ::ev_run(loop_, wake == at_once ? EVRUN_NOWAIT : EVRUN_ONCE);
    if (!ev_is_active(&wake_)) wake_set_for_ = TimePoint::max();
  }

  struct ev_loop* loop_;
  ev_timer wake_{};
  TimePoint wake_set_for_ = TimePoint::max();
  std::deque<Slot> slots_;
};

}  // namespace

constexpr std::string_view variables[] = {"LIBEV_*"};

extern const ConnectorEntry libev;
const ConnectorEntry libev{
    .name = "libev",
    .summary = "libev: connect() watched by an ev_io, and an ev_timer per attempt",
    .options = socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<Libev>,
    .library = []() -> Library {
      return {"libev", fmt::format("{}.{}", ::ev_version_major(), ::ev_version_minor()), false};
    },
    .group = "libraries",
    .steered_by = variables,
};

}  // namespace connbench::connectors
