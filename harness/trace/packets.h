// Which packet belongs to which connection, what it repeats, where it arrived; and how it is written.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/trace/events.h"

namespace connbench::trace {

/// Fills in what a packet is among the others: connection, direction, relative numbers, repetitions, arrivals.
/// Connections to `servers` that are not known yet are added, unless they are `foreign`. What belongs to none of them
/// is taken out, and counted. `packets` in the order of time.
uint64_t relate_packets(std::vector<Packet>& packets, std::vector<Connection>& connections,
                        std::span<const Endpoint> servers, std::span<const Connection> foreign);

/// "S.", as tcpdump writes them.
std::string flag_letters(uint8_t flags);

/// For the ladder: "S <mss 1460,sackOK,TS,wscale 7>" (its number is 0), "P. seq 1:43 ack 1", "S RETRANSMISSION 1".
/// Without options where it is only seen again (`sighting`).
std::string short_text(const Packet& packet);

/// tcpdump's manner: "Flags [S], seq 0, win 64240, options [mss 1460,sackOK,TS val 7 ecr 0,wscale 7], length 0".
std::string long_text(const Packet& packet);

}  // namespace connbench::trace
