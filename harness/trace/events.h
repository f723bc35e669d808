// What is seen of an attempt, on three lines of time: calls, packets, states. Times are CLOCK_MONOTONIC nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/outcome.h"

namespace connbench::trace {

/// One system call of the process that connects.
struct SystemCall {
  int64_t begin_ns = 0;     ///< just before it was let into the kernel
  int64_t end_ns = 0;       ///< when it was seen to have ended; 0 = it had not when its thread ended
  unsigned thread = 1;      ///< in the order in which they were first seen
  std::string name{};       ///< "connect"
  std::string arguments{};  ///< those that matter: "5, 198.19.0.1:7000"
  std::string result{};     ///< "5", "EINPROGRESS", "1 [OUT]"; "" = it did not return
  int64_t value = 0;        ///< as it returned; -1 when it failed
  int error = 0;            ///< errno, 0 = it did not fail
  bool told = true;         ///< it opens, connects, waits, asks or closes; the others are memory, locks, signals …
};

/// A signal that a thread got.
struct SignalSeen {
  int64_t time_ns = 0;
  unsigned thread = 1;
  int number = 0;
};

/// Two ends; as the client sees them.
struct Connection {
  Endpoint client;
  Endpoint server;
  bool operator==(const Connection&) const = default;
};

enum class Side : uint8_t { client, server };

/// A state that one end of a connection was found in, different from the last.
struct StateSeen {
  size_t connection = 0;  ///< index into Trace::connections
  Side side = Side::client;
  int state = 0;              ///< TCP_SYN_SENT …, as in netinet/tcp.h; 0 = no such socket (any more)
  int64_t not_before_ns = 0;  ///< the last look that did not find it; 0 = there was none
  int64_t seen_ns = 0;        ///< when it was found: the change itself lies between the two
};

/// What the connector itself says of an attempt.
struct AttemptSeen {
  int64_t started_ns = 0;   ///< 0 = it never made a call
  int64_t finished_ns = 0;  ///< 0 = it was killed first
  Outcome outcome{};
  Stage stage{};
  int error = 0;
};

/// Where a packet was captured.
enum class End : uint8_t {
  client,   ///< the client's interface to the link
  nowhere,  ///< the client's interface to nobody: the blackhole
  server,   ///< the server's interface to the link
  loopback  ///< both ends in one place; seen once
};
std::string_view to_string(End end) noexcept;

/// What TCP says in its options; those that are absent have no value.
struct TcpOptions {
  int mss = -1;
  int window_scale = -1;
  bool sack_permitted = false;
  bool timestamps = false;
  uint32_t timestamp = 0;       ///< TS val
  uint32_t timestamp_echo = 0;  ///< TS ecr
  int sack_blocks = 0;
};

/// A TCP segment, or what is said about one (ICMP) or about its way (ARP, neighbour discovery).
struct Packet {
  enum class Kind : uint8_t { tcp, notice };

  int64_t time_ns = 0;
  End end = End::client;
  bool outgoing = false;  ///< it leaves by that interface; on loopback it arrives
  Kind kind = Kind::tcp;
  Endpoint source = Endpoint::ipv4(0, 0);
  Endpoint destination = Endpoint::ipv4(0, 0);
  uint8_t flags = 0;  ///< as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint16_t window = 0;  ///< not scaled
  uint32_t length = 0;  ///< of what it carries
  uint16_t ip_id = 0;   ///< IPv4: tells a retransmission from the frame itself
  TcpOptions options{};
  std::string notice{};  ///< "ICMP host unreachable"; of TCP ""

  // By relate_packets():
  int connection = -1;  ///< index into Trace::connections; -1 = not known
  bool to_server = true;
  uint32_t relative_sequence = 0;  ///< SYN is 0
  uint32_t relative_acknowledgement = 0;
  unsigned retransmission = 0;  ///< 1 = the first repetition of something that this end has sent before
  bool sighting = false;        ///< the arrival of a packet that was seen leaving the other end
  int64_t arrived_ns = 0;       ///< of one that leaves: when the other end saw it; 0 = it did not
};

/// All that was seen.
struct Trace {
  std::string connector;
  std::string target;
  std::string rights;  ///< of the lab: "machine", "user namespace"
  std::vector<Connection> connections;
  std::vector<AttemptSeen> attempts;
  std::vector<SystemCall> calls;
  std::vector<SignalSeen> signals;
  std::vector<StateSeen> states;
  std::vector<Packet> packets;  ///< of these connections, and what is told about them
  uint64_t other_packets = 0;   ///< captured, and of nothing that was traced
  uint64_t looks = 0;           ///< at the states
  int64_t look_gap_p50_ns = 0;  ///< from one look to the next
  bool uses_io_uring = false;
  bool client_failed = false;      ///< a note says why
  std::vector<std::string> notes;  ///< what a reader has to know: cut short, still open …

  /// When the first attempt began: the zero of what is printed.
  int64_t origin_ns() const noexcept;
};

}  // namespace connbench::trace
