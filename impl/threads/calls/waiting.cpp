#include "impl/sockets/begin_connect.h"
#include "impl/threads/calls/calls.h"

namespace connbench {

Evidence wait_for_end(int fd, sa_family_t family, TimePoint deadline, WaitOnce wait, const CallContext& context) {
  Evidence waited{.call = Call::wait, .family = family};
  while (!context.is_cancelled() && !waited.deadline_passed) {
    const Found found = wait(fd, deadline);
    if (found == Found::failure && errno != EINTR) {
      waited.error = errno;
      break;
    }
    if (found == Found::writable || found == Found::unclear) {
      const Evidence end = end_connect(fd, family);
      // ICMP wakes a waiting thread a moment before SO_ERROR is set. In that case wait again.
      if (end.error != 0 || found == Found::writable || !still_connecting(fd)) return end;
    }
    waited.deadline_passed = now() >= deadline;
  }
  return waited;
}

Ended connect_and_wait(const Attempt& attempt, const CallContext& context, WaitOnce wait) {
  Begun begun = begin_connect(attempt, context.setup);
  Completion completion{.id = attempt.id, .started = begun.started};
  Evidence evidence = begun.evidence;
  if (begun.pending())
    evidence = wait_for_end(begun.fd.get(), evidence.family, begun.started + attempt.timeout, wait, context);
  completion.finished = now();
  evidence.cancelled = context.is_cancelled();
  completion.result = classify(evidence);
  return {std::move(begun.fd), completion};
}

Completion waiting_call(const Attempt& attempt, const CallContext& context, WaitOnce wait) {
  auto [fd, completion] = connect_and_wait(attempt, context, wait);
  context.retirement.retire(std::move(fd), completion);
  return completion;
}

}  // namespace connbench
