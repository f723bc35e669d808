#include <signal.h>
#include <time.h>

#include "impl/threads/calls/calls.h"
#include "impl/threads/interrupting_signal.h"

namespace connbench {
namespace {

// A signal that arrives before connect() has begun is lost, so the timer repeats it until it is disarmed.
constexpr Duration repeat_interval = std::chrono::milliseconds(1);

/// A thread's own timer, created when the thread first needs it and deleted when the thread ends.
class ThreadTimer {
 public:
  ThreadTimer() = default;
  ~ThreadTimer() {
    if (created_) ::timer_delete(timer_);
  }
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;

  /// Returns errno, 0 = the signal will arrive at `deadline` and not before.
  int arm(TimePoint deadline) noexcept {
    if (const int error = create(); error != 0) return error;
    const itimerspec at{.it_interval = to_timespec(repeat_interval), .it_value = to_timespec(deadline)};
    return ::timer_settime(timer_, TIMER_ABSTIME, &at, nullptr) == 0 ? 0 : errno;
  }

  void disarm() noexcept {
    if (!created_) return;
    const itimerspec never{};
    ::timer_settime(timer_, 0, &never, nullptr);
  }

 private:
  int create() noexcept {
    if (created_) return 0;
    sigevent event = signal_to_this_thread(deadline_signal());
    created_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    return created_ ? 0 : errno;
  }

  timer_t timer_{};
  bool created_ = false;
};

thread_local ThreadTimer thread_timer;

constexpr ConnectBound timer_signal{.call = Call::timer,
                                    .arm = [](int, TimePoint deadline) { return thread_timer.arm(deadline); },
                                    .disarm = []() noexcept { thread_timer.disarm(); }};

}  // namespace

void prepare_signal_calls() {
  install_interrupting_handler(deadline_signal());
}

Completion signal_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, &timer_signal);
}

Capabilities signal_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::signal, .granularity = Duration(1)};
}

}  // namespace connbench
