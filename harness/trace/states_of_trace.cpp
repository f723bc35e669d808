#include <fmt/format.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "harness/support/kernel_names.h"
#include "harness/support/units.h"
#include "harness/trace/socket_states.h"

namespace connbench::trace {
namespace {

// Notes what a reader would otherwise take for the end of the connection.
void add_closing_notes(Trace& trace, size_t connection) {
  int64_t time_wait = 0;
  const StateSeen* last[2]{};
  for (const StateSeen& seen : trace.states) {
    if (seen.connection != connection) continue;
    const StateSeen*& before = last[static_cast<size_t>(seen.side)];
    if (before != nullptr && before->state == TCP_TIME_WAIT) time_wait = seen.seen_ns - before->seen_ns;
    before = &seen;
  }
  if (time_wait != 0)
    trace.notes.push_back(
        fmt::format("connection {}: TIME_WAIT lasted {}", connection + 1, human_readable(Duration(time_wait))));
  for (const StateSeen* seen : last) {
    if (seen == nullptr || seen->state == 0 || seen->state == TCP_CLOSE || seen->state == TCP_LISTEN) continue;
    trace.notes.push_back(fmt::format("connection {}: the {}'s end was still in {} when the trace ended{}",
                                      connection + 1, seen->side == Side::client ? "client" : "server",
                                      tcp_state_name(seen->state),
                                      seen->state == TCP_TIME_WAIT ? " (--until closed waits for its end)" : ""));
  }
}

}  // namespace

void add_states(Trace& trace, const StateWatch& watch) {
  trace.connections = watch.connections();
  trace.states = watch.seen();
  std::ranges::stable_sort(trace.states, {}, &StateSeen::seen_ns);
  std::vector<int64_t> gaps;
  const std::vector<int64_t>& looks = watch.looks();
  for (size_t i = 1; i < looks.size(); ++i) gaps.push_back(looks[i] - looks[i - 1]);
  std::ranges::sort(gaps);
  trace.looks = looks.size();
  trace.look_gap_p50_ns = gaps.empty() ? 0 : gaps[gaps.size() / 2];
  for (size_t i = 0; i < trace.connections.size(); ++i) add_closing_notes(trace, i);
}

}  // namespace connbench::trace
