#include "harness/trace/events.h"

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>

namespace connbench::trace {

std::string state_name(int state) {
  constexpr std::array names{"CLOSED",    "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
                             "TIME_WAIT", "CLOSED",      "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
  constexpr int new_syn_recv =
      12;  // TCP_NEW_SYN_RECV, a request without a full socket; diagnostics usually report it as SYN_RECV
  if (state == new_syn_recv) return "SYN_RECV";
  const auto index = static_cast<size_t>(state);
  return index < names.size() ? names[index] : fmt::format("state {}", state);
}

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
