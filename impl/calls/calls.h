// The calls that a thread can sit in until an attempt has ended. Carriers (one thread, a thread each, a pool) run them.
#pragma once

#include <atomic>

#include "harness/connector.h"
#include "harness/retirement.h"

namespace connbench {

/// What a call sees of its carrier.
struct CallContext {
  Retirement& retirement;
  const std::atomic<bool>& cancelled;  ///< looked at whenever a signal interrupts a system call
};

/// Runs one attempt to its end in the calling thread, retires its socket, and returns how it went. A carrier interrupts
/// it by setting `cancelled` and then sending a signal whose handler has no SA_RESTART, until it returns.
using BlockingCall = Completion (*)(const Attempt&, const CallContext&);

Completion plain_call(const Attempt& attempt, const CallContext& context);     ///< connect(): the kernel's own timeout
Completion sndtimeo_call(const Attempt& attempt, const CallContext& context);  ///< SO_SNDTIMEO, then connect()
Completion select_call(const Attempt& attempt, const CallContext& context);    ///< non-blocking connect(), select()

/// Sets the socket option that bounds connect(); returns errno, 0 = set.
using ArmDeadline = int (*)(int fd, Duration timeout);

/// What plain and sndtimeo share: a blocking socket, `arm` when there is one, connect(), and what interruption asks
/// for.
Completion blocking_call(const Attempt& attempt, const CallContext& context, ArmDeadline arm);

/// Traits of the calls, for carriers to complete.
Traits plain_call_traits();
Traits sndtimeo_call_traits();
Traits select_call_traits();

}  // namespace connbench
