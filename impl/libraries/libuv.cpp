// libuv: uv_tcp_connect() and a uv_timer for each attempt. Choose it where libuv already is the event loop (Node.js,
// bindings for many languages). Its clock counts whole milliseconds, so a timer may fire up to one millisecond too
// early. TCP only, because its pipes do not support abstract names.
#include <sys/socket.h>
#include <time.h>
#include <uv.h>

#include <algorithm>
#include <deque>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

// libuv returns -errno.
int errno_of(int result) {
  return -result;
}

void check(int result, const char* call) {
  if (result < 0) throw std::system_error(errno_of(result), std::generic_category(), call);
}

// libuv rounds its clock down to milliseconds. It reads the coarse clock if that has a resolution of 1 ms or better.
Duration clock_step() {
  using std::chrono::milliseconds;
  timespec step{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &step);
  const Duration coarse = std::chrono::seconds(step.tv_sec) + std::chrono::nanoseconds(step.tv_nsec);
  return coarse <= milliseconds(1) ? milliseconds(1) + coarse : Duration(milliseconds(1));
}

class Libuv final : public LibraryConnector {
 public:
  explicit Libuv(const ConnectorSettings& settings) : LibraryConnector(settings), slots_(settings.max_in_flight) {
    check(::uv_loop_init(&loop_), "uv_loop_init");
    check(::uv_timer_init(&loop_, &wake_), "uv_timer_init");
    for (Slot& slot : slots_) {
      slot.owner = this;
      slot.tcp.data = slot.timer.data = slot.request.data = &slot;
      check(::uv_timer_init(&loop_, &slot.timer), "uv_timer_init");
      adopt(slot);
    }
  }

  ~Libuv() override {
    shut_down();
    for (Slot& slot : slots_) ::uv_close(reinterpret_cast<uv_handle_t*>(&slot.timer), nullptr);
    ::uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
    ::uv_run(&loop_, UV_RUN_DEFAULT);
    ::uv_loop_close(&loop_);
  }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer,
            .granularity = std::chrono::milliseconds(1),
            .early = clock_step()};
  }

 private:
  struct Slot : InFlight {
    Libuv* owner = nullptr;
    uv_tcp_t tcp{};
    uv_connect_t request{};
    uv_timer_t timer{};
  };

  // The loop's cached time is as old as its last iteration.
  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    ::uv_tcp_init(&loop_, &slot.tcp);
    slot.completion.started = now();
    if (!library_opens_sockets())
      if (const Evidence evidence = open(slot); evidence.error != 0) return finish(slot, evidence);
    ::uv_update_time(&loop_);
    ::uv_timer_start(&slot.timer, on_timer, static_cast<uint64_t>(whole_milliseconds(attempt.timeout)), 0);
    if (const int result = ::uv_tcp_connect(&slot.request, &slot.tcp, attempt.endpoints.front().address(), on_connect);
        result != 0) {
      const int error = errno_of(result);
      finish(slot, {.call = call_that_failed(error), .error = error});
    }
  }

  Evidence open(Slot& slot) {
    UniqueFd fd(-1);
    const Evidence evidence = open_socket(slot.family, fd);
    if (evidence.error != 0) return evidence;
    const int result = ::uv_tcp_open(&slot.tcp, fd.get());
    if (result == 0) fd.release();
    return {.call = Call::setsockopt, .error = errno_of(result)};
  }

  static void on_connect(uv_connect_t* request, int status) {
    auto& slot = *static_cast<Slot*>(request->data);
    if (!slot.decided) slot.owner->finish(slot, {.call = Call::so_error, .error = errno_of(status)});
  }

  static void on_timer(uv_timer_t* timer) {
    auto& slot = *static_cast<Slot*>(timer->data);
    slot.owner->finish(slot, {.call = Call::wait, .deadline_passed = true});
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  // libuv closes the socket itself and calls back afterwards. A pending connect is called back first, with
  // UV_ECANCELED.
  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    ::uv_timer_stop(&slot.timer);
    auto* const handle = reinterpret_cast<uv_handle_t*>(&slot.tcp);
    uv_os_fd_t fd = -1;
    if (::uv_fileno(handle, &fd) == 0) retirement().retire_before_close(fd, slot.completion);
    ::uv_close(handle, [](uv_handle_t* closed) {
      auto& old = *static_cast<Slot*>(closed->data);
      old.owner->ended(old);
    });
  }

  // The wake-up is only ever moved to an earlier time: an early one costs one iteration, while postponing it would cost
  // a timer operation per reap().
  void run_loop(TimePoint wake) override {
    if (wake != at_once && wake < wake_set_for_) {
      ::uv_update_time(&loop_);
      ::uv_timer_start(
          &wake_, [](uv_timer_t*) {}, static_cast<uint64_t>(milliseconds_until(wake)), 0);
      wake_set_for_ = wake;
    }
    ::uv_run(&loop_, wake == at_once ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    if (::uv_is_active(reinterpret_cast<uv_handle_t*>(&wake_)) == 0) wake_set_for_ = TimePoint::max();
  }

  uv_loop_t loop_{};
  uv_timer_t wake_{};
  TimePoint wake_set_for_ = TimePoint::max();
  std::deque<Slot> slots_;
};

}  // namespace

constexpr std::string_view variables[] = {"UV_*"};  // UV_USE_IO_URING, UV_THREADPOOL_SIZE

extern const ConnectorEntry libuv;
const ConnectorEntry libuv{
    .name = "libuv",
    .summary = "libuv: uv_tcp_connect() and a uv_timer per attempt, in whole milliseconds",
    .options = unrepeated_socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<Libuv>,
    .families = ip_families,
    .library = []() -> Library {
      return {"libuv", ::uv_version_string(), true};
    },
    .group = "libraries",
    .steered_by = variables,
};

}  // namespace connbench::connectors
