#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "impl/threads/calls/calls.h"
#include "impl/threads/interrupting_signal.h"

#ifndef sigev_notify_thread_id  // glibc has the field, and before 2.38 no name for it
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace connbench {
namespace {

// A signal that comes before connect() has begun is lost: so it comes again, until it is told to stop.
constexpr Duration repeat_interval = std::chrono::milliseconds(1);

/// A thread's own timer, made when the thread first needs it, and gone with the thread.
class ThreadTimer {
 public:
  ThreadTimer() = default;
  ~ThreadTimer() {
    if (made_) ::timer_delete(timer_);
  }
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;

  /// Returns errno, 0 = the signal will come at `deadline`, and not before.
  int arm(TimePoint deadline) noexcept {
    if (const int error = make(); error != 0) return error;
    const itimerspec at{.it_interval = to_timespec(repeat_interval), .it_value = to_timespec(deadline)};
    return ::timer_settime(timer_, TIMER_ABSTIME, &at, nullptr) == 0 ? 0 : errno;
  }

  void disarm() noexcept {
    if (!made_) return;
    const itimerspec never{};
    ::timer_settime(timer_, 0, &never, nullptr);
  }

 private:
  int make() noexcept {
    if (made_) return 0;
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = deadline_signal();
    event.sigev_notify_thread_id = ::gettid();
    made_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    return made_ ? 0 : errno;
  }

  timer_t timer_{};
  bool made_ = false;
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
