// Formats a trace for people: one line for each event at the client, on the wire or at the server, in order of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Columns: milliseconds since the first attempt began, the client's calls, its state, packets, the server's state: 120
/// characters. Where the width is less, each state stands in the column beside it, and packets have no options; then 60
/// characters suffice.
///
/// |- leaves the client ->.     .- arrives at the server ->|     x = it left its sender and never arrived
std::string ladder(const Trace& trace, size_t width = SIZE_MAX);

/// The packets alone, each once, in tcpdump's format, with seconds since the first.
std::string packet_list(const Trace& trace);

/// The full report: what was traced and how, the ladder, the packets, and notes about them. Lines that are longer than
/// `width` are wrapped.
std::string full_text(const Trace& trace, size_t width = SIZE_MAX);

}  // namespace connbench::trace
