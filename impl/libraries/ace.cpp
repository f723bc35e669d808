// ACE: ACE_SOCK_Connector::connect() with a timeout, in a thread per attempt. Choose it where ACE or TAO is there
// already; their strategies connect in this way. A program of its own, so that connbench does not load it.
//
// Its traps: a timeout is cut to whole milliseconds (it is rounded up here); the errno of an expired one is ETIME, not
// ETIMEDOUT; a signal ends a connect() with EINTR, although the handshake would go on; and it takes a socket that is
// only writable for connected, without reading SO_ERROR.
#include <ace/INET_Addr.h>
#include <ace/SOCK_Connector.h>
#include <ace/SOCK_Stream.h>
#include <ace/Time_Value.h>
#include <ace/Version.h>
#include <errno.h>
#include <fmt/format.h>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"
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

#ifdef ACE_HAS_IPV6
constexpr std::span<const Family> families{ip_families};
#else
constexpr std::span<const Family> families{ip_families, 1};
#endif

Evidence evidence_of(int error, sa_family_t family, bool cancelled) {
  if (error == ETIME) return {.call = Call::wait, .family = family, .deadline_passed = true};
  if (error == EINTR && cancelled) return {.call = Call::wait, .family = family, .cancelled = true};
  return {.call = call_that_reported(error, family), .error = error, .family = family, .cancelled = cancelled};
}

Completion call(const Attempt& attempt, const CallContext& context) {
  const Endpoint& to = attempt.endpoints.front();
  Completion completion{.id = attempt.id, .started = now()};
  const auto milliseconds = whole_milliseconds(attempt.timeout);
  const ACE_Time_Value timeout(milliseconds / 1000, static_cast<suseconds_t>(milliseconds % 1000 * 1000));
  const ACE_INET_Addr address(reinterpret_cast<const sockaddr_in*>(to.address()), static_cast<int>(to.size()));
  ACE_SOCK_Stream stream;
  const int result = ACE_SOCK_Connector().connect(stream, address, &timeout);
  const int error = result == 0 ? 0 : errno;
  completion.finished = now();
  completion.result = classify(evidence_of(error, to.family(), context.is_cancelled()));
  // ACE has closed a socket that did not connect, and never closes one that did.
  context.retirement.retire(UniqueFd(result == 0 ? stream.get_handle() : -1), completion);
  return completion;
}

}  // namespace

extern const ConnectorEntry ace;
const ConnectorEntry ace{
    .name = "ace",
    .summary = "ACE: ACE_SOCK_Connector::connect() with a timeout, a thread per attempt",
    .options = options,
    .probe = works_everywhere,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<ThreadPerAttempt>(
          settings, call,
          Capabilities{.deadline_by = Capabilities::DeadlineBy::wait, .granularity = std::chrono::milliseconds(1)});
    },
    .families = families,
    .library = []() -> Library {
      return {"ace", fmt::format("{}.{}.{}", ACE_MAJOR_VERSION, ACE_MINOR_VERSION, ACE_MICRO_VERSION), true};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
