// Parses captured packets, as far as following a connection requires.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Parses one packet with its Linux "cooked" v2 header, with bounds checks; `time_ns` is left unset. Returns nullopt
/// for a packet that is neither TCP nor about its path (ICMP, ARP, neighbour discovery), was not captured on one of the
/// lab's interfaces, or has inconsistent headers.
std::optional<Packet> parse_packet(std::span<const uint8_t> bytes);

/// The contents of a capture file.
struct Capture {
  std::vector<Packet> packets;  ///< in order of time; `time_ns` is CLOCK_REALTIME, as in the file
  uint64_t others = 0;          ///< packets that parse_packet() ignores
};

/// Reads a file that the lab has captured. @throws std::runtime_error with libpcap's message
Capture read_capture(const std::string& file);

}  // namespace connbench::trace
