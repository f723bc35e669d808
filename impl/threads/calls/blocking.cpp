#include <fmt/format.h>

#include <cstring>

#include "impl/sockets/begin_connect.h"
#include "impl/threads/calls/calls.h"

namespace connbench {
namespace {

// Arms the bound, connects, and handles interruptions.
Evidence connect_blocking(int fd, const Endpoint& to, TimePoint deadline, const ConnectBound* bound,
                          const CallContext& context) {
  Evidence evidence{.family = to.family()};
  const bool unix_domain = to.family() == AF_UNIX;
  // An interrupted UNIX connect() that waited for room in the backlog has started nothing, so it is called again.
  do {
    evidence.call = bound != nullptr ? bound->call : Call::connect;
    if (bound != nullptr && (evidence.error = bound->arm(fd, deadline)) != 0) return evidence;
    evidence.call = Call::connect;
    evidence.error = ::connect(fd, to.address(), to.size()) == 0 ? 0 : errno;
  } while (evidence.error == EINTR && unix_domain && !context.is_cancelled() && now() < deadline);
  // A signal does not end a TCP handshake, and a second connect() would wait for a whole period again. So wait for the
  // rest of the time and then read SO_ERROR.
  if (evidence.error == EINTR && !unix_domain) {
    const bool kernel_ends_it = bound == nullptr || bound->ends_handshake;
    return wait_for_end(fd, to.family(), kernel_ends_it ? TimePoint::max() : deadline, poll_once, context);
  }
  // EINPROGRESS from a blocking TCP socket and EAGAIN from a UNIX socket can only mean that the send timeout has
  // passed. EINTR from a UNIX socket means that the deadline has passed or that the attempt was cancelled, and
  // cancellation takes precedence.
  evidence.deadline_passed =
      evidence.error == EINPROGRESS || (unix_domain && (evidence.error == EAGAIN || evidence.error == EINTR));
  return evidence;
}

}  // namespace

Completion blocking_call(const Attempt& attempt, const CallContext& context, const ConnectBound* bound) {
  Completion completion{.id = attempt.id, .started = now()};
  const Endpoint& to = attempt.endpoints.front();
  const TimePoint deadline = bound == nullptr ? TimePoint::max() : completion.started + attempt.timeout;
  UniqueFd fd(-1);
  Evidence evidence = open_and_connect(
      fd, to, 0, context.setup, [&](int socket) { return connect_blocking(socket, to, deadline, bound, context); });
  completion.finished = now();
  // The option never ends the handshake before the deadline. An earlier ETIMEDOUT comes from the kernel's own limit.
  if (evidence.error == ETIMEDOUT && bound != nullptr && bound->ends_handshake)
    evidence.deadline_passed = completion.finished >= deadline;
  if (bound != nullptr && bound->disarm != nullptr) bound->disarm();
  evidence.cancelled = context.is_cancelled();
  completion.result = classify(evidence);
  context.retirement.retire(std::move(fd), completion);
  return completion;
}

std::optional<std::string> probe_bound(const ConnectorSettings& settings, const ConnectBound& bound,
                                       std::string_view name) {
  if (auto reason = probe_socket_setup(settings)) return reason;
  const SocketSetup setup(settings.options);
  const UniqueFd fd(setup.open(AF_INET, SOCK_CLOEXEC));
  if (!fd) return std::nullopt;  // the attempts will say so
  const int error = bound.arm(fd.get(), now() + std::chrono::seconds(1));
  if (error == 0) return std::nullopt;
  return fmt::format("{} cannot be set on such a socket: {}", name, std::strerror(error));
}

Completion plain_call(const Attempt& attempt, const CallContext& context) {
  return blocking_call(attempt, context, nullptr);
}

Capabilities plain_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::kernel};
}

}  // namespace connbench
