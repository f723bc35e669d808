#include <poll.h>
#include <sys/socket.h>

#include "impl/begin_connect.h"
#include "impl/calls/calls.h"

namespace connbench {
namespace {

bool is_cancelled(const CallContext& context) {
  return context.cancelled.load(std::memory_order_relaxed);
}

int poll_timeout_ms(TimePoint deadline) {
  if (deadline == TimePoint::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

// A signal does not end a blocking TCP connect(): the handshake goes on, and a second call would wait for a whole
// period again. So: wait for the rest, then SO_ERROR.
Evidence wait_after_interruption(int fd, const Evidence& interrupted, TimePoint deadline, const CallContext& context) {
  while (!is_cancelled(context)) {
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    const int count = ::poll(&ready, 1, poll_timeout_ms(deadline));
    if (count > 0) return end_connect(fd, interrupted.family);
    if (count < 0 && errno != EINTR) return {.call = Call::wait, .error = errno, .family = interrupted.family};
    if (now() >= deadline) return {.call = Call::wait, .family = interrupted.family, .deadline_passed = true};
  }
  return interrupted;
}

Evidence run(UniqueFd& fd, const Attempt& attempt, TimePoint started, ArmDeadline arm, const CallContext& context) {
  const Endpoint& to = attempt.endpoints.front();
  Evidence evidence{.call = Call::socket, .family = to.family()};
  fd.reset(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    evidence.error = errno;
    return evidence;
  }
  const bool unix_domain = to.family() == AF_UNIX;
  const TimePoint deadline = arm == nullptr ? TimePoint::max() : started + attempt.timeout;
  // A UNIX connect() that slept for room in a backlog has begun nothing: after a signal it is called again.
  do {
    evidence.call = Call::setsockopt;
    if (arm != nullptr && (evidence.error = arm(fd.get(), deadline - now())) != 0) return evidence;
    evidence.call = Call::connect;
    evidence.error = ::connect(fd.get(), to.address(), to.size()) == 0 ? 0 : errno;
  } while (evidence.error == EINTR && unix_domain && !is_cancelled(context) && now() < deadline);
  if (evidence.error == EINTR && !unix_domain) return wait_after_interruption(fd.get(), evidence, deadline, context);
  // EINPROGRESS from a blocking TCP socket, EAGAIN from a UNIX one: the send timeout has passed, and nothing else has.
  // EINTR from a UNIX one: so has the deadline, unless it was cancelled, which goes before.
  evidence.deadline_passed =
      evidence.error == EINPROGRESS || (unix_domain && (evidence.error == EAGAIN || evidence.error == EINTR));
  return evidence;
}

}  // namespace

Completion blocking_call(const Attempt& attempt, const CallContext& context, ArmDeadline arm) {
  Completion completion{.id = attempt.id, .started = now()};
  UniqueFd fd(-1);
  Evidence evidence = run(fd, attempt, completion.started, arm, context);
  completion.finished = now();
  evidence.cancelled = is_cancelled(context);
  completion.result = classify(evidence);
  context.retirement.retire(std::move(fd), completion);
  return completion;
}

Completion plain_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, nullptr);
}

Traits plain_call_traits() {
  return {.deadline_by = Traits::DeadlineBy::kernel};
}

}  // namespace connbench
