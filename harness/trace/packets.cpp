#include "harness/trace/packets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>

#include "harness/support/joined.h"

namespace connbench::trace {
namespace {

constexpr uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;

bool is_seen_at_sender(const Packet& packet) {
  return packet.outgoing || packet.end == End::loopback;
}

// How many sequence numbers the segment takes.
uint32_t space(const Packet& packet) {
  return packet.length + ((packet.flags & syn) != 0 ? 1U : 0U) + ((packet.flags & fin) != 0 ? 1U : 0U);
}

// The state of one direction of a connection.
struct Direction {
  std::optional<uint32_t> first;  // the SYN's sequence number
  std::map<std::pair<uint32_t, uint8_t>, unsigned>
      sent;  // how often each sequence number was sent, by SYN, FIN or data
};

class Relation {
 public:
  Relation(std::vector<Connection>& connections, std::span<const Endpoint> servers, std::span<const Connection> foreign)
      : connections_(connections), servers_(servers), foreign_(foreign) {}

  // Returns false when the packet belongs to no connection.
  bool take(Packet& packet) {
    if (packet.kind == Packet::Kind::notice) return take_notice(packet);
    if (!find_connection(packet)) return false;
    Direction& own = directions_[{packet.connection, packet.to_server}];
    const Direction& other = directions_[{packet.connection, !packet.to_server}];
    if ((packet.flags & syn) != 0 && !own.first) own.first = packet.sequence;
    packet.relative_sequence = packet.sequence - own.first.value_or(0);
    packet.relative_acknowledgement = (packet.flags & ack) != 0 ? packet.acknowledgement - other.first.value_or(0) : 0;
    if (is_seen_at_sender(packet) && space(packet) > 0)
      packet.retransmission = own.sent[{packet.sequence, packet.flags & (syn | fin)}]++;
    return true;
  }

 private:
  bool find_connection(Packet& packet) {
    packet.to_server = std::ranges::count(servers_, packet.destination) > 0;
    if (!packet.to_server && std::ranges::count(servers_, packet.source) == 0) return false;
    const Connection ends{packet.to_server ? packet.source : packet.destination,
                          packet.to_server ? packet.destination : packet.source};
    if (std::ranges::count(foreign_, ends) != 0) return false;
    const auto found = std::ranges::find(connections_, ends);
    packet.connection = static_cast<int>(found - connections_.begin());
    if (found == connections_.end()) connections_.push_back(ends);
    return true;
  }

  // A notice about an address alone (ARP, neighbour discovery) has no port and belongs to no connection.
  bool take_notice(Packet& packet) {
    if (packet.destination.port() != 0) return find_connection(packet);
    packet.to_server = packet.outgoing == (packet.end != End::server);
    return true;
  }

  std::vector<Connection>& connections_;
  std::span<const Endpoint> servers_;
  std::span<const Connection> foreign_;
  std::map<std::pair<int, bool>, Direction> directions_;
};

// Equal for all sightings of one packet.
auto identity(const Packet& packet) {
  return std::tuple(packet.connection, packet.to_server, packet.ip_id, packet.flags, packet.sequence,
                    packet.acknowledgement, packet.length, packet.options.timestamp, packet.notice);
}

// A packet that leaves one end and is captured at the other is one packet, seen twice.
void pair_up(std::vector<Packet>& packets) {
  std::map<decltype(identity(packets.front())), std::vector<Packet*>> under_way;
  for (Packet& packet : packets) {
    if (packet.end == End::loopback) {
      packet.arrived_ns = packet.time_ns;
    } else if (packet.outgoing) {
      under_way[identity(packet)].push_back(&packet);
    } else if (auto& waiting = under_way[identity(packet)]; !waiting.empty()) {
      waiting.front()->arrived_ns = packet.time_ns;
      packet.retransmission = waiting.front()->retransmission;
      packet.sighting = true;
      waiting.erase(waiting.begin());
    }
  }
}

enum class Timestamps : uint8_t { with_values, without_values };

std::string options_text(const TcpOptions& options, Timestamps timestamps) {
  std::vector<std::string> parts;
  if (options.mss >= 0) parts.push_back(fmt::format("mss {}", options.mss));
  if (options.sack_permitted) parts.emplace_back("sackOK");
  if (options.sack_blocks > 0) parts.push_back(fmt::format("sack {}", options.sack_blocks));
  if (options.timestamps)
    parts.push_back(timestamps == Timestamps::with_values
                        ? fmt::format("TS val {} ecr {}", options.timestamp, options.timestamp_echo)
                        : "TS");
  if (options.window_scale >= 0) parts.push_back(fmt::format("wscale {}", options.window_scale));
  return joined(parts, ",");
}

std::string sequence_text(const Packet& packet) {
  if (packet.length == 0) return fmt::format("{}", packet.relative_sequence);
  return fmt::format("{}:{}", packet.relative_sequence, packet.relative_sequence + packet.length);
}

// Like tcpdump, leave out the sequence number of a bare ACK: it carries no information.
bool shows_sequence(const Packet& packet) {
  return packet.length > 0 || (packet.flags & (syn | fin | rst)) != 0;
}

}  // namespace

uint64_t relate_packets(std::vector<Packet>& packets, std::vector<Connection>& connections,
                        std::span<const Endpoint> servers, std::span<const Connection> foreign) {
  Relation relation(connections, servers, foreign);
  const uint64_t others = std::erase_if(packets, [&](Packet& packet) { return !relation.take(packet); });
  pair_up(packets);
  return others;
}

std::string flag_letters(uint8_t flags) {
  constexpr struct {
    uint8_t bit;
    char letter;
  } letters[] = {{fin, 'F'}, {syn, 'S'}, {rst, 'R'}, {psh, 'P'}, {32, 'U'}, {64, 'E'}, {128, 'W'}, {ack, '.'}};
  std::string text;
  for (const auto& [bit, letter] : letters)
    if ((flags & bit) != 0) text += letter;
  return text.empty() ? "none" : text;
}

std::string short_text(const Packet& packet) {
  if (packet.kind == Packet::Kind::notice) return packet.notice;
  std::string text = flag_letters(packet.flags);
  if (shows_sequence(packet) && (packet.flags & syn) == 0) text += " seq " + sequence_text(packet);
  if ((packet.flags & ack) != 0) text += fmt::format(" ack {}", packet.relative_acknowledgement);
  if (packet.retransmission > 0) return text + fmt::format(" RETRANSMISSION {}", packet.retransmission);
  if ((packet.flags & syn) != 0 && !packet.sighting)
    text += fmt::format(" <{}>", options_text(packet.options, Timestamps::without_values));
  return text;
}

std::string long_text(const Packet& packet) {
  if (packet.kind == Packet::Kind::notice) return packet.notice;
  std::string text = fmt::format("Flags [{}]", flag_letters(packet.flags));
  if (shows_sequence(packet)) text += ", seq " + sequence_text(packet);
  if ((packet.flags & ack) != 0) text += fmt::format(", ack {}", packet.relative_acknowledgement);
  text += fmt::format(", win {}", packet.window);
  if (const std::string options = options_text(packet.options, Timestamps::with_values); !options.empty())
    text += fmt::format(", options [{}]", options);
  text += fmt::format(", length {}", packet.length);
  if (packet.retransmission > 0) text += fmt::format(" RETRANSMISSION {}", packet.retransmission);
  return text;
}

}  // namespace connbench::trace
