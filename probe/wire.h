// Captures packets at the client's interface of the lab: a small tcpdump for probes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/lab/link/packet.h"
#include "harness/lab/link/packet_socket.h"
#include "harness/support/clock.h"

namespace connbench::probe {

/// The headers of one packet.
struct Seen {
  Duration at;    ///< since the first packet that this Wire has seen
  bool outgoing;  ///< sent by the client
  lab::Packet packet;
  size_t data;  ///< bytes of TCP payload; 0 for other protocols

  /// The client's port; 0 for protocols other than TCP.
  uint16_t client_port() const noexcept;
  bool is_syn() const noexcept { return packet.tcp && packet.tcp->is_syn(); }
  /// "S", "S.", ".", "P.", "F.", "R", as in tcpdump; "UDP" and "ICMP" for other protocols.
  std::string flags() const;
};

/// Captures every packet to and from one far host from its construction on. Works only in the lab, which grants the
/// privilege.
class Wire {
 public:
  /// `host`: an IPv4 address across the link. @throws std::system_error
  explicit Wire(const Endpoint& host);

  /// All packets so far, oldest first.
  const std::vector<Seen>& seen();

 private:
  lab::PacketSocket socket_;
  uint8_t block_;
  std::vector<Seen> seen_{};
  Duration first_{};
};

}  // namespace connbench::probe
