// Relates packets to connections, to their retransmissions and to their arrivals, and formats them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Sets the fields of each packet that depend on the others: connection, direction, relative numbers, retransmissions,
/// arrivals. New connections to `servers` are added, unless they are `foreign`. Removes packets that belong to no
/// connection and returns their number. `packets` must be in order of time.
uint64_t relate_packets(std::vector<Packet>& packets, std::vector<Connection>& connections,
                        std::span<const Endpoint> servers, std::span<const Connection> foreign);

/// "S.", as in tcpdump.
std::string flag_letters(uint8_t flags);

/// For the ladder: "S <mss 1460,sackOK,TS,wscale 7>" (the sequence number is 0), "P. seq 1:43 ack 1", "S RETRANSMISSION
/// 1". A second sighting (`sighting`) omits the options.
std::string short_text(const Packet& packet);

/// In tcpdump's format: "Flags [S], seq 0, win 64240, options [mss 1460,sackOK,TS val 7 ecr 0,wscale 7], length 0".
std::string long_text(const Packet& packet);

}  // namespace connbench::trace
