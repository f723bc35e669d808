#include "harness/trace/events.h"

#include <algorithm>

namespace connbench::trace {

std::string_view to_string(End end) noexcept {
  switch (end) {
    case End::client:
      return "client";
    case End::nowhere:
      return "nowhere";
    case End::server:
      return "server";
    case End::loopback:
      return "loopback";
  }
  return "";
}

int64_t Trace::origin_ns() const noexcept {
  int64_t origin = 0;
  const auto take = [&](int64_t time) {
    if (time != 0 && (origin == 0 || time < origin)) origin = time;
  };
  for (const AttemptSeen& attempt : attempts) take(attempt.started_ns);
  if (origin == 0)
    for (const SystemCall& call : calls) take(call.begin_ns);
  return origin;
}

}  // namespace connbench::trace
