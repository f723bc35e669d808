// A trace for people: what client, wire and server did, one line each, in the order of time.
#pragma once

#include <string>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Columns: milliseconds since the first attempt began, the client's calls, its state, packets, the server's state. At
/// most 120 characters wide.
///
///     |- leaves the client ->.     .- arrives at the server ->|     x = it was seen to leave, and never to arrive
std::string ladder(const Trace& trace);

/// The packets alone, each once, in tcpdump's manner: seconds since the first.
std::string packet_list(const Trace& trace);

/// All of it: what was traced and by which means, the ladder, the packets, and what has to be known about them.
std::string full_text(const Trace& trace);

}  // namespace connbench::trace
