#include <sys/select.h>

#include "impl/begin_connect.h"
#include "impl/calls/calls.h"
#include "impl/select_limit.h"

namespace connbench {
namespace {

// Both the set and the timeout are consumed by select() and made anew for each call.
Evidence select_until(int fd, const Evidence& begun, TimePoint deadline, const CallContext& context) {
  if (fd >= FD_SETSIZE) return {.call = Call::wait, .error = fd_setsize_error, .family = begun.family};
  for (;;) {
    fd_set writable;
    FD_ZERO(&writable);
    FD_SET(fd, &writable);
    timeval left = select_timeout(deadline - now());
    const int count = ::select(fd + 1, nullptr, &writable, nullptr, &left);
    if (count > 0) return end_connect(fd, begun.family);
    Evidence waited{.call = Call::wait, .error = count < 0 ? errno : 0, .family = begun.family};
    if (count < 0 && waited.error != EINTR) return waited;
    waited.deadline_passed = now() >= deadline;
    if (waited.deadline_passed || context.cancelled.load(std::memory_order_relaxed)) return waited;
  }
}

}  // namespace

Traits select_call_traits() {
  return {.deadline_by = Traits::DeadlineBy::wait,
          .granularity = std::chrono::microseconds(1),
          .max_in_flight = select_max_in_flight};
}

Completion select_call(const Attempt& attempt, const CallContext& context) {
  Begun begun = begin_connect(attempt);
  Completion completion{.id = attempt.id, .started = begun.started};
  Evidence evidence = begun.evidence;
  if (begun.pending()) evidence = select_until(begun.fd.get(), evidence, begun.started + attempt.timeout, context);
  completion.finished = now();
  evidence.cancelled = context.cancelled.load(std::memory_order_relaxed);
  completion.result = classify(evidence);
  context.retirement.retire(std::move(begun.fd), completion);
  return completion;
}

}  // namespace connbench
