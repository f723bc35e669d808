// The calls that a thread can sit in until an attempt has ended. Carriers (one thread, a thread each, a pool) run them.
#pragma once

#include <atomic>

#include "harness/connector/connector.h"
#include "harness/connector/retirement.h"
#include "impl/sockets/source_port.h"

namespace connbench {

/// What a call sees of its carrier.
struct CallContext {
  Retirement& retirement;
  const std::atomic<bool>& cancelled;  ///< looked at whenever a signal interrupts a system call
  SourcePort& port;

  bool is_cancelled() const noexcept { return cancelled.load(std::memory_order_relaxed); }
};

/// Runs one attempt to its end in the calling thread, retires its socket, and returns how it went. A carrier interrupts
/// it by setting `cancelled` and then sending a signal whose handler has no SA_RESTART, until it returns.
using BlockingCall = Completion (*)(const Attempt&, const CallContext&);

Completion plain_call(const Attempt& attempt, const CallContext& context);     ///< connect(): the kernel's own timeout
Completion sndtimeo_call(const Attempt& attempt, const CallContext& context);  ///< SO_SNDTIMEO, then connect()
Completion signal_call(const Attempt& attempt, const CallContext& context);    ///< a timer's signal ends connect()
Completion user_timeout_call(const Attempt& attempt, const CallContext& context);  ///< TCP_USER_TIMEOUT, then connect()
Completion syncnt_call(const Attempt& attempt, const CallContext& context);        ///< TCP_SYNCNT, then connect()
Completion select_call(const Attempt& attempt, const CallContext& context);        ///< non-blocking connect(), select()
Completion poll_call(const Attempt& attempt, const CallContext& context);          ///< non-blocking connect(), ppoll()

/// What bounds a blocking connect().
struct ConnectBound {
  Call call;                               ///< what arming is, as evidence when it fails
  int (*arm)(int fd, TimePoint deadline);  ///< before connect(); returns errno, 0 = armed
  void (*disarm)() noexcept = nullptr;     ///< after the attempt
  bool ends_handshake = false;  ///< the kernel itself gives the handshake up (ETIMEDOUT), whoever waits for it;
                                ///< otherwise only connect() returns
};

/// What the calls with a blocking socket share: `bound` when there is one, connect(), and what interruption asks for.
Completion blocking_call(const Attempt& attempt, const CallContext& context, const ConnectBound* bound);

/// What one wait for a socket's writability can find. `unclear`: it may be ready by an error alone.
enum class Found : uint8_t { nothing, writable, unclear, failure };
/// Waits once, at most until `deadline`, and may return early. `failure` leaves errno.
using WaitOnce = Found (*)(int fd, TimePoint deadline);
Found poll_once(int fd, TimePoint deadline);

/// Waits for the end of a handshake that goes on, at most until `deadline`, and asks SO_ERROR.
Evidence wait_for_end(int fd, sa_family_t family, TimePoint deadline, WaitOnce wait, const CallContext& context);

/// What the calls with a non-blocking socket share: connect(), then wait_for_end().
Completion waiting_call(const Attempt& attempt, const CallContext& context, WaitOnce wait);

/// Capabilities of the calls, for carriers to complete.
Capabilities plain_call_capabilities();
Capabilities sndtimeo_call_capabilities();
Capabilities signal_call_capabilities();
Capabilities user_timeout_call_capabilities();
Capabilities syncnt_call_capabilities();
Capabilities select_call_capabilities();
Capabilities poll_call_capabilities();

/// To be called before the first signal_call(): installs the signal's handler.
/// @throws std::system_error
void prepare_signal_calls();

}  // namespace connbench
