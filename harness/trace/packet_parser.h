// Captured packets, as far as a connection is to be followed.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Reads one packet with its Linux "cooked" v2 header, every bound checked; without `time_ns`. Nothing: it is neither
/// TCP nor something that tells of the way there (ICMP, ARP, neighbour discovery), or it was seen on an interface that
/// is not of the lab's, or its headers contradict themselves.
std::optional<Packet> parse_packet(std::span<const uint8_t> bytes);

/// What a capture file holds.
struct Capture {
  std::vector<Packet> packets;  ///< in the order of time; `time_ns` as in the file, CLOCK_REALTIME
  uint64_t others = 0;          ///< that parse_packet() takes no interest in
};

/// Reads a file that the lab has captured. @throws std::runtime_error with libpcap's words
Capture read_capture(const std::string& file);

}  // namespace connbench::trace
