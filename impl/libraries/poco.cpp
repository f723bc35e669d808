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
#include <errno.h>
#include <fmt/format.h>
#include <signal.h>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"
#include "impl/threads/interrupting_signal.h"
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec options[] = {{.name = "stack",
                                   .kind = OptionSpec::Kind::size,
                                   .choices = "",
                                   .default_value = "256KiB",
                                   .help = "stack size of each thread",
                                   .least = "128KiB",
                                   .most = "1GiB"}};

// The socket in which this thread waits; -1: none. The signal that cancels a thread ends its connect(). A signal that
// comes too early is followed by others.
thread_local volatile sig_atomic_t waiting = -1;

void install_ending_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    const int saved = errno;
    if (waiting >= 0) ::shutdown(waiting, SHUT_RDWR);
    errno = saved;
  };
  checked(::sigaction(cancelling_signal(), &action, nullptr), "sigaction");
}

// shutdown() ends a handshake with ECONNRESET. One that comes before connect() makes the socket ready while it
// connects, which Poco takes for success.
Evidence evidence_of(int error, int fd, sa_family_t family, bool cancelled) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const auto is_connected = [&] { return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0; };
  if (cancelled && (error == ECONNRESET || (error == 0 && !is_connected())))
    return {.call = Call::wait, .family = family, .cancelled = true};
  return {.call = call_that_reported(error, family), .error = error, .family = family, .cancelled = cancelled};
}

Evidence connect(Poco::Net::StreamSocket& socket, const Attempt& attempt) {
  const Endpoint& to = attempt.endpoints.front();
  const Poco::Timespan timeout(whole_milliseconds(attempt.timeout) * Poco::Timespan::MILLISECONDS);
  try {
    socket = Poco::Net::StreamSocket(Poco::Net::SocketAddress(to.address(), to.size()).family());
    waiting = socket.impl()->sockfd();
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
  waiting = -1;
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
      auto made = std::make_unique<ThreadPerAttempt>(
          settings, call,
          Capabilities{.deadline_by = Capabilities::DeadlineBy::wait, .granularity = std::chrono::milliseconds(1)});
      install_ending_handler();
      return made;
    },
    .families = ip_families,
    .library = []() -> Library {
      const auto version = Poco::Environment::libraryVersion();
      return {"poco", fmt::format("{}.{}.{}", version >> 24, version >> 16 & 0xff, version >> 8 & 0xff), true};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
