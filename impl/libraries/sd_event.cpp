// sd-event, the event loop of libsystemd: an io source and a time source for each attempt. Choose it in a service that
// talks to systemd or D-Bus anyway (sd-bus, watchdog, socket activation), and attaches its own sockets to that loop.
//
// Its traps: a time source may be up to 250 ms late, unless it is given another accuracy than 0; sd_event_run() calls
// one source, so that a loop around it calls epoll_wait() once per event; and an event object must not be used in a
// forked child (it answers ECHILD).
#include <errno.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include <deque>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"
#include "impl/sockets/begin_connect.h"

namespace connbench::connectors {
namespace {

// sd-event returns -errno.
void check(int result, const char* call) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), call);
}

uint64_t microseconds(TimePoint time) {
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::microseconds>(time.time_since_epoch()).count());
}

struct Unref {
  void operator()(sd_event* event) const { ::sd_event_unref(event); }
  void operator()(sd_event_source* source) const { ::sd_event_source_disable_unref(source); }
};
using EventSource = std::unique_ptr<sd_event_source, Unref>;

class SdEvent final : public LibraryConnector {
 public:
  explicit SdEvent(const ConnectorSettings& settings) : LibraryConnector(settings), slots_(settings.max_in_flight) {
    sd_event* event = nullptr;
    check(::sd_event_new(&event), "sd_event_new");
    event_.reset(event);
    for (Slot& slot : slots_) {
      slot.owner = this;
      adopt(slot);
    }
  }
  ~SdEvent() override { shut_down(); }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = std::chrono::microseconds(1)};
  }

 private:
  static constexpr uint64_t accuracy = 1;  // µs

  struct Slot : InFlight {
    SdEvent* owner = nullptr;
    UniqueFd fd{-1};
    EventSource io{};
    EventSource timer{};
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    Begun begun = begin_connect(attempt, setup());
    slot.completion.started = begun.started;
    slot.fd = std::move(begun.fd);
    if (!begun.pending()) return finish(slot, begun.evidence);
    sd_event_source* source = nullptr;
    int result = ::sd_event_add_io(event_.get(), &source, slot.fd.get(), EPOLLOUT, on_ready, &slot);
    slot.io.reset(source);
    if (result >= 0) {
      source = nullptr;
      result = ::sd_event_add_time(event_.get(), &source, CLOCK_MONOTONIC,
                                   microseconds(slot.completion.started + attempt.timeout), accuracy, on_timer, &slot);
      slot.timer.reset(source);
    }
    if (result < 0) finish(slot, {.call = Call::wait, .error = -result});
  }

  // ICMP wakes the loop a moment before SO_ERROR is set. In that case the source calls again.
  static int on_ready(sd_event_source*, int, uint32_t events, void* context) {
    auto& slot = *static_cast<Slot*>(context);
    const Evidence evidence = end_connect(slot.fd.get(), slot.family);
    if (evidence.error != 0 || (events & EPOLLOUT) != 0) slot.owner->finish(slot, evidence);
    return 0;
  }

  static int on_timer(sd_event_source*, uint64_t, void* context) {
    auto& slot = *static_cast<Slot*>(context);
    slot.owner->finish(slot, {.call = Call::wait, .deadline_passed = true});
    return 0;
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    slot.io.reset();
    slot.timer.reset();
    retirement().retire(std::move(slot.fd), slot.completion);
    ended(slot);
  }

  // Waits for the first event, and calls what else is ready. When the wait fails, nothing more can be learnt about any
  // attempt.
  void run_loop(TimePoint wake) override {
    const Duration left = wake == at_once ? Duration::zero() : std::max(wake - now(), Duration::zero());
    const auto timeout = std::chrono::ceil<std::chrono::microseconds>(left);
    int result = ::sd_event_run(event_.get(), static_cast<uint64_t>(timeout.count()));
    while (result > 0) result = ::sd_event_run(event_.get(), 0);
    if (result >= 0 || result == -EINTR) return;
    for (Slot& slot : slots_)
      if (slot.open && !slot.decided) finish(slot, {.call = Call::wait, .error = -result});
  }

  std::unique_ptr<sd_event, Unref> event_;
  std::deque<Slot> slots_;
};

constexpr std::string_view variables[] = {"SD_EVENT_*"};

}  // namespace

extern const ConnectorEntry sd_event;
const ConnectorEntry sd_event{
    .name = "sd-event",
    .summary = "sd-event: connect() watched by an io source, and a time source per attempt",
    .options = socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<SdEvent>,
    .library = []() -> Library {
      return {"libsystemd", CONNBENCH_LIBSYSTEMD_VERSION, false};
    },
    .group = "libraries",
    .steered_by = variables,
};

}  // namespace connbench::connectors
