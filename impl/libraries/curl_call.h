// curl_easy_perform() as a blocking call, for the executors of impl/threads.
#pragma once

#include "impl/libraries/curl_handle.h"
#include "impl/threads/calls/calls.h"
#include "impl/threads/thread_executor.h"

namespace connbench {

/// A stack of 64 KiB is enough for our own calls, but curl's manual promises no bound.
inline constexpr OptionSpec curl_stack_option{.name = "stack",
                                              .kind = OptionSpec::Kind::size,
                                              .choices = "",
                                              .default_value = "256KiB",
                                              .help = "stack size of each thread that runs curl",
                                              .least = "128KiB",
                                              .most = "1GiB"};

/// curl waits in poll(), in whole milliseconds.
inline Capabilities curl_call_capabilities() {
  return {.deadline_by = Capabilities::DeadlineBy::wait,
          .granularity = std::chrono::milliseconds(1),
          .early = curl_early,
          .uses_all_endpoints = true};
}

/// One attempt with `handle`. CURLOPT_FORBID_REUSE ends the connection inside curl_easy_perform(), so that its socket
/// can be taken over; otherwise it would stay in the handle's cache. The transfer asks whether it was cancelled each
/// time its poll() returns, for example by the cancelling signal, which also shuts its sockets down.
/// @param started just before the first system call of the attempt, which may be one that made the handle
inline Completion curl_call(const Attempt& attempt, const CallContext& context, CurlHandle& handle, TimePoint started) {
  const sa_family_t family = attempt.endpoints.front().family();
  Completion completion{.id = attempt.id, .started = started};
  Evidence evidence{.call = Call::socket, .error = ENOMEM};
  if (handle) {
    handle.open_sockets_by(context.setup);
    handle.end_by_signal();
    handle.set(CURLOPT_FORBID_REUSE, 1L);
    handle.set(CURLOPT_NOPROGRESS, 0L);
    handle.set(CURLOPT_XFERINFODATA, static_cast<const void*>(&context.cancelled));
    handle.set(
        CURLOPT_XFERINFOFUNCTION, +[](void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
          return static_cast<const std::atomic<bool>*>(cancelled)->load(std::memory_order_relaxed) ? 1 : 0;
        });
    handle.aim(attempt.endpoints, attempt.timeout);
    evidence = handle.evidence_of(::curl_easy_perform(handle.get()), family);
    if (context.is_cancelled() && handle.ended_by_signal(evidence)) evidence = {.call = Call::wait};
  }
  completion.finished = now();
  evidence.family = family;
  evidence.cancelled = context.is_cancelled();
  completion.result = classify(evidence);
  if (handle) context.retirement.retire(handle.take_closed(), completion);
  return completion;
}

}  // namespace connbench
