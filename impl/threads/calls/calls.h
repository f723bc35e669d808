// Blocking calls that run one attempt to its end. Executors (one thread, a thread per attempt, a pool) make them.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/connector/connector.h"
#include "harness/connector/retirement.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/socket_setup.h"

namespace connbench {

/// What a call needs from its executor.
struct CallContext {
  Retirement& retirement;
  const std::atomic<bool>& cancelled;  ///< checked whenever a signal interrupts a system call
  SocketSetup& setup;

  bool is_cancelled() const noexcept { return cancelled.load(std::memory_order_relaxed); }
};

/// Runs one attempt to its end in the calling thread, retires its socket and returns the result. An executor interrupts
/// it by setting `cancelled` and then sending a signal whose handler has no SA_RESTART until the call returns.
using BlockingCall = Completion (*)(const Attempt&, const CallContext&);

Completion plain_call(const Attempt& attempt, const CallContext& context);     ///< connect(): the kernel's own timeout
Completion sndtimeo_call(const Attempt& attempt, const CallContext& context);  ///< SO_SNDTIMEO, then connect()
Completion signal_call(const Attempt& attempt, const CallContext& context);    ///< a timer's signal ends connect()
Completion user_timeout_call(const Attempt& attempt, const CallContext& context);  ///< TCP_USER_TIMEOUT, then connect()
Completion syncnt_call(const Attempt& attempt, const CallContext& context);        ///< TCP_SYNCNT, then connect()
Completion select_call(const Attempt& attempt, const CallContext& context);        ///< non-blocking connect(), select()
Completion poll_call(const Attempt& attempt, const CallContext& context);          ///< non-blocking connect(), ppoll()
Completion null_call(const Attempt& attempt, const CallContext& context);  ///< no system call: reports success at once

/// What bounds a blocking connect().
struct ConnectBound {
  Call call;                               ///< the kind of call that arm() makes, reported when it fails
  int (*arm)(int fd, TimePoint deadline);  ///< before connect(); returns errno, 0 = armed
  void (*disarm)() noexcept = nullptr;     ///< after the attempt
  bool ends_handshake = false;  ///< true: the kernel ends the handshake itself (ETIMEDOUT); false: connect() returns,
                                ///< but the handshake continues
};

/// What the calls with a blocking socket share: arm `bound` (nullptr: none), connect(), handle interruptions.
Completion blocking_call(const Attempt& attempt, const CallContext& context, const ConnectBound* bound);

/// The result of one wait for a socket to become writable. `unclear`: it may be ready only because of an error.
enum class Found : uint8_t { nothing, writable, unclear, failure };
/// Waits once, at most until `deadline`, and may return early. On `failure`, errno says why.
using WaitOnce = Found (*)(int fd, TimePoint deadline);
Found poll_once(int fd, TimePoint deadline);

/// Waits until the handshake ends, at most until `deadline`, and reads SO_ERROR.
Evidence wait_for_end(int fd, sa_family_t family, TimePoint deadline, WaitOnce wait, const CallContext& context);

/// An attempt that has ended, and its socket, which still has to be retired.
struct Ended {
  UniqueFd fd;
  Completion completion;
};
/// A non-blocking connect(), then wait_for_end().
Ended connect_and_wait(const Attempt& attempt, const CallContext& context, WaitOnce wait);

/// What the calls with a non-blocking socket share: connect_and_wait(), and the end of the socket.
Completion waiting_call(const Attempt& attempt, const CallContext& context, WaitOnce wait);

/// Capabilities of the calls. Executors fill in the rest.
Capabilities plain_call_capabilities();
Capabilities sndtimeo_call_capabilities();
Capabilities signal_call_capabilities();
Capabilities user_timeout_call_capabilities();
Capabilities syncnt_call_capabilities();
Capabilities select_call_capabilities();
Capabilities poll_call_capabilities();
Capabilities null_call_capabilities();

/// Why the bound of these calls cannot be set on the sockets that the options ask for (Multipath TCP has neither);
/// nullopt when it can. Includes probe_socket_setup().
std::optional<std::string> probe_user_timeout_call(const ConnectorSettings& settings);
std::optional<std::string> probe_syncnt_call(const ConnectorSettings& settings);
/// What both share. @param name of the socket option, for the reason
std::optional<std::string> probe_bound(const ConnectorSettings& settings, const ConnectBound& bound,
                                       std::string_view name);

/// Installs the signal handler. To be called before the first signal_call().
/// @throws std::system_error
void prepare_signal_calls();

}  // namespace connbench
