#include "impl/threads/calls/calls.h"

namespace connbench {

Completion null_call(const Attempt& attempt, const CallContext&) {
  const TimePoint started = now();
  return {.id = attempt.id, .result = {Outcome::connected, Stage::connect, 0}, .started = started, .finished = now()};
}

Capabilities null_call_capabilities() {
  return {.opens_sockets = false};
}

}  // namespace connbench
