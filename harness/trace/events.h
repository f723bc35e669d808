// What a trace records about an attempt, on three timelines: system calls, packets and socket states. All times are
// CLOCK_MONOTONIC in nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/outcome.h"

namespace connbench::trace {

/// A system call of the traced process.
struct SystemCall {
  int64_t begin_ns = 0;     ///< just before it entered the kernel
  int64_t end_ns = 0;       ///< when its return was seen; 0 = its thread ended first
  unsigned thread = 1;      ///< numbered in order of first appearance
  std::string name{};       ///< "connect"
  std::string arguments{};  ///< the ones that matter: "5, 198.19.0.1:7000"
  std::string result{};     ///< "5", "EINPROGRESS", "1 [OUT]"; "" = it did not return
  int64_t value = 0;        ///< return value; -1 when it failed
  int error = 0;            ///< errno; 0 = it succeeded
  bool shown = true;        ///< it opens, connects, waits, queries or closes; false for memory, locks, signals …
};

/// A signal delivered to a thread.
struct SignalSeen {
  int64_t time_ns = 0;
  unsigned thread = 1;
  int number = 0;
};

/// The two ends of a connection, as the client sees them.
struct Connection {
  Endpoint client;
  Endpoint server;
  bool operator==(const Connection&) const = default;
};

enum class Side : uint8_t { client, server };

/// A change of state at one end of a connection.
struct StateSeen {
  size_t connection = 0;  ///< index into Trace::connections
  Side side = Side::client;
  int state = 0;              ///< TCP_SYN_SENT …, as in netinet/tcp.h; 0 = no such socket (any more)
  int64_t not_before_ns = 0;  ///< time of the last poll that did not find this state; 0 = there was none
  int64_t seen_ns = 0;        ///< time of the poll that found it; the change lies between the two
};

/// An attempt as the connector reports it.
struct AttemptSeen {
  int64_t started_ns = 0;   ///< 0 = it never started
  int64_t finished_ns = 0;  ///< 0 = the client was killed first
  Outcome outcome{};
  Stage stage{};
  int error = 0;
};

/// Where a packet was captured.
enum class End : uint8_t {
  client,   ///< the client's interface to the link
  nowhere,  ///< the client's interface to the blackhole
  server,   ///< the server's interface to the link
  loopback  ///< loopback, where both ends are; captured once
};
std::string_view to_string(End end) noexcept;

/// TCP options. The defaults mean that an option is absent.
struct TcpOptions {
  int mss = -1;
  int window_scale = -1;
  bool sack_permitted = false;
  bool timestamps = false;
  uint32_t timestamp = 0;       ///< TS val
  uint32_t timestamp_echo = 0;  ///< TS ecr
  int sack_blocks = 0;
};

/// A TCP segment, or a notice about one (ICMP) or about its path (ARP, neighbour discovery).
struct Packet {
  enum class Kind : uint8_t { tcp, notice };

  int64_t time_ns = 0;
  End end = End::client;
  bool outgoing = false;  ///< it leaves through that interface; false on loopback
  Kind kind = Kind::tcp;
  Endpoint source = Endpoint::ipv4(0, 0);
  Endpoint destination = Endpoint::ipv4(0, 0);
  uint8_t flags = 0;  ///< as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint16_t window = 0;  ///< not scaled
  uint32_t length = 0;  ///< of the payload
  uint16_t ip_id = 0;   ///< IPv4: tells a retransmission from another sighting of the same packet
  TcpOptions options{};
  std::string notice{};  ///< "ICMP host unreachable"; "" for TCP

  // Set by relate_packets():
  int connection = -1;  ///< index into Trace::connections; -1 = unknown
  bool to_server = true;
  uint32_t relative_sequence = 0;  ///< the SYN is 0
  uint32_t relative_acknowledgement = 0;
  unsigned retransmission = 0;  ///< 1 = the first retransmission of a segment that this end has sent before
  bool sighting = false;        ///< the arrival of a packet already captured at its sender
  int64_t arrived_ns = 0;       ///< for an outgoing packet: when the other end captured it; 0 = it did not arrive
};

/// A complete trace.
struct Trace {
  std::string connector;
  std::string target;
  std::string rights;  ///< the lab's privileges: "machine", "user namespace"
  std::vector<Connection> connections;
  std::vector<AttemptSeen> attempts;
  std::vector<SystemCall> calls;
  std::vector<SignalSeen> signals;
  std::vector<StateSeen> states;
  std::vector<Packet> packets;  ///< packets of these connections, and notices about them
  uint64_t other_packets = 0;   ///< captured packets that belong to nothing traced
  uint64_t looks = 0;           ///< number of times the states were polled
  int64_t look_gap_p50_ns = 0;  ///< median interval between polls
  bool uses_io_uring = false;
  bool client_failed = false;      ///< see the notes
  std::vector<std::string> notes;  ///< what a reader must know: cut short, still open …

  /// When the first attempt began: time zero of the printed trace.
  int64_t origin_ns() const noexcept;
};

}  // namespace connbench::trace
