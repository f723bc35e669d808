// Formats a trace for people: one line for each event at the client, on the wire or at the server, in order of time.
#pragma once

#include <string>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Columns: milliseconds since the first attempt began, the client's calls, its state, packets, the server's state. At
/// most 120 characters wide.
///
/// |- leaves the client ->.     .- arrives at the server ->|     x = it left its sender and never arrived
std::string ladder(const Trace& trace);

/// The packets alone, each once, in tcpdump's format, with seconds since the first.
std::string packet_list(const Trace& trace);

/// The full report: what was traced and how, the ladder, the packets, and notes about them.
std::string full_text(const Trace& trace);

}  // namespace connbench::trace
