// What passes the client's interface of the lab: the probes' own small tcpdump.
#pragma once

#include <string>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/lab/link/packet.h"
#include "harness/lab/link/packet_socket.h"
#include "harness/support/clock.h"

namespace connbench::probe {

/// One packet, by its headers.
struct Seen {
  Duration at;    ///< since the first that this Wire has seen
  bool outgoing;  ///< the client sent it
  lab::Packet packet;
  size_t data;  ///< bytes that TCP carries; 0 for others

  /// The client's port; 0 unless it is TCP.
  uint16_t client_port() const noexcept;
  bool is_syn() const noexcept { return packet.tcp && packet.tcp->is_syn(); }
  /// "S", "S.", ".", "P.", "F.", "R", as tcpdump writes them; "UDP" and "ICMP" for others.
  std::string flags() const;
};

/// Sees every packet to and from one far host, from its making on. In the lab, which gives the right to.
class Wire {
 public:
  /// `host`: an IPv4 address across the link. @throws std::system_error
  explicit Wire(const Endpoint& host);

  /// All that came so far, oldest first.
  const std::vector<Seen>& seen();

 private:
  lab::PacketSocket socket_;
  uint8_t block_;
  std::vector<Seen> seen_{};
  Duration first_{};
};

}  // namespace connbench::probe
