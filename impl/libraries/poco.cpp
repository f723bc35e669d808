// Poco: StreamSocket::connect() with a timeout, in a thread per attempt. Choose it in a program of Poco, whose HTTP and
// database clients connect in this way. A program of its own, since its libraries are large.
//
// Its traps: the timeout is cut to whole milliseconds, so that 1.9 ms are 1 ms (it is rounded up here); each connect
// makes an epoll for its one wait; a failure is an exception; EINTR is not an end, so that only shutdown() of its
// socket wakes a thread that waits; and EAGAIN of a full UNIX backlog counts as "in progress" (so no UNIX sockets
// here).
#include <Poco/Environment.h>
#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <fmt/format.h>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"
#include "impl/threads/thread_per_attempt.h"
#include "impl/threads/waiting_sockets.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec options[] = {{.name = "stack",
                                   .kind = OptionSpec::Kind::size,
                                   .choices = "",
                                   .default_value = "256KiB",
                                   .help = "stack size of each thread",
                                   .least = "128KiB",
                                   .most = "1GiB"}};

Evidence evidence_of(int error, int fd, sa_family_t family, bool cancelled) {
  if (cancelled && was_shut_down(error, fd)) return {.call = Call::wait, .family = family, .cancelled = true};
  return {.call = call_that_reported(error, family), .error = error, .family = family, .cancelled = cancelled};
}

Evidence connect(Poco::Net::StreamSocket& socket, const Attempt& attempt) {
  const Endpoint& to = attempt.endpoints.front();
  const Poco::Timespan timeout(whole_milliseconds(attempt.timeout) * Poco::Timespan::MILLISECONDS);
  try {
    socket = Poco::Net::StreamSocket(Poco::Net::SocketAddress(to.address(), to.size()).family());
    add_waiting_socket(socket.impl()->sockfd());
    socket.connect(Poco::Net::SocketAddress(to.address(), to.size()), timeout);
    return {.error = 0};
  } catch (const Poco::TimeoutException& error) {
    if (error.code() == 0) return {.call = Call::wait, .deadline_passed = true};
    return {.error = error.code()};
  } catch (const Poco::Exception& error) {
    return {.error = error.code()};
  }
}

Completion call(const Attempt& attempt, const CallContext& context) {
  const sa_family_t family = attempt.endpoints.front().family();
  Completion completion{.id = attempt.id, .started = now()};
  Poco::Net::StreamSocket socket;
  Evidence evidence = connect(socket, attempt);
  completion.finished = now();
  remove_waiting_socket(socket.impl()->sockfd());
  if (!evidence.deadline_passed)
    evidence = evidence_of(evidence.error, socket.impl()->sockfd(), family, context.is_cancelled());
  evidence.family = family;
  completion.result = classify(evidence);
  context.retirement.retire_before_close(socket.impl()->sockfd(), completion);
  return completion;
}

}  // namespace

extern const ConnectorEntry poco;
const ConnectorEntry poco{
    .name = "poco",
    .summary = "Poco: StreamSocket::connect() with a timeout, a thread per attempt",
    .options = options,
    .probe = works_everywhere,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(
          settings, call,
          Capabilities{.deadline_by = Capabilities::DeadlineBy::wait, .granularity = std::chrono::milliseconds(1)});
    },
    .families = ip_families,
    .library = []() -> Library {
      const auto version = Poco::Environment::libraryVersion();
      return {"poco", fmt::format("{}.{}.{}", version >> 24, version >> 16 & 0xff, version >> 8 & 0xff), true};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
