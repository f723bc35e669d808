#include <fmt/format.h>

#include <algorithm>

#include "harness/support/units.h"
#include "harness/support/wrapped.h"
#include "harness/trace/call_text.h"
#include "harness/trace/ladder.h"
#include "harness/trace/packets.h"

namespace connbench::trace {
namespace {

std::string header(const Trace& trace) {
  std::string text = fmt::format("{} at {}\n", trace.connector, trace.target);
  for (size_t i = 0; i < trace.attempts.size(); ++i) {
    const AttemptSeen& attempt = trace.attempts[i];
    text += fmt::format("attempt {}: {}", i + 1, to_string(attempt.outcome));
    if (attempt.error != 0) text += fmt::format(" ({})", error_name(attempt.error));
    if (attempt.started_ns != 0 && attempt.finished_ns != 0)
      text += fmt::format(" after {}", human_readable(Duration(attempt.finished_ns - attempt.started_ns)));
    text += '\n';
  }
  for (size_t i = 0; i < trace.connections.size(); ++i)
    text += fmt::format("connection {}: {} > {}\n", i + 1, trace.connections[i].client.to_string(),
                        trace.connections[i].server.to_string());
  return text;
}

std::string means(const Trace& trace) {
  const auto hidden = std::ranges::count(trace.calls, false, &SystemCall::shown);
  std::string text = fmt::format(
      "calls    by ptrace, which stops the client at each call: all times include this overhead.\n"
      "         {} more (memory, locks, signal masks) are only in --format json.\n"
      "packets  captured at both ends of the link; x = did not arrive; {} others are not shown.\n"
      "states   by socket diagnostics (netlink): {} polls, p50 {} apart, and one whenever a call returns;\n"
      "         a state that began and ended between two polls was not seen.\n",
      hidden, trace.other_packets, trace.looks, human_readable(Duration(trace.look_gap_p50_ns)));
  if (trace.uses_io_uring)
    text +=
        "io_uring an operation of the ring is no system call: the two lines with an asterisk show\n"
        "         the connector's own timestamps instead.\n";
  return text;
}

// The same lines, those that are too long in several.
std::string fitted(const std::string& text, size_t width, size_t hanging) {
  std::string result;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    for (const std::string& line : wrapped(text.substr(begin, end - begin), width, hanging)) result += line + '\n';
    begin = end + 1;
  }
  return result;
}

}  // namespace

std::string packet_list(const Trace& trace) {
  const auto is_first_sighting = [](const Packet& packet) { return !packet.sighting; };
  const auto first = std::ranges::find_if(trace.packets, is_first_sighting);
  std::string text;
  for (const Packet& packet : trace.packets) {
    if (packet.sighting) continue;
    const std::string which =
        trace.connections.size() > 1 && packet.connection >= 0 ? fmt::format("({}) ", packet.connection + 1) : "";
    text += fmt::format("{:10.6f} {}{} {}", static_cast<double>(packet.time_ns - first->time_ns) / 1e9, which,
                        packet.to_server ? "client > server:" : "server > client:", long_text(packet));
    if (packet.arrived_ns == 0 && packet.outgoing) text += ", did not arrive";
    text += '\n';
  }
  return text;
}

std::string full_text(const Trace& trace, size_t width) {
  constexpr size_t label = 9;  // "packets  "
  std::string text = fitted(header(trace), width, label) + '\n' + ladder(trace, width);
  if (!trace.packets.empty())
    text +=
        fitted("\npackets, each once, in seconds since the first; sequence numbers are relative\n" + packet_list(trace),
               width, 11);
  text += '\n' + fitted(means(trace), width, label);
  for (const std::string& note : trace.notes) text += fitted(fmt::format("note     {}\n", note), width, label);
  return text;
}

}  // namespace connbench::trace
