#include "bench/yardstick.h"

#include <sys/prctl.h>

#include <algorithm>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

void set(Duration slack) {
  checked(::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slack.count()), 0, 0, 0), "prctl(PR_SET_TIMERSLACK)");
}

}  // namespace

Duration TimerSlack::of_this_thread() {
  return Duration(checked(::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), "prctl(PR_GET_TIMERSLACK)"));
}

TimerSlack::TimerSlack(Duration slack) : before_(of_this_thread()) {
  set(slack);
}

TimerSlack::~TimerSlack() {
  ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_.count()), 0, 0, 0);
}

Lateness lateness_of_sleeping(size_t count, const std::function<TimePoint()>& next) {
  const TimerSlack without(TimerSlack::none);
  Lateness late;
  late.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const TimePoint until = next();
    while (now() < until) sleep_until(until);
    late.push_back((now() - until).count());
  }
  std::ranges::sort(late);
  return late;
}

}  // namespace connbench
