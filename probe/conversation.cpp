// S20: a whole connection as seen on the wire.
#include <sys/socket.h>

#include <algorithm>

#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/wire.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

// Waits until the wire has seen the last packet of the exchange: the server's answer to the client's FIN.
const std::vector<Seen>& settled(Wire& wire) {
  const TimePoint end = now() + patience;
  bool client_has_closed = false, answered = false;
  while (!answered && now() < end) {
    sleep_until(now() + 5ms);
    for (const Seen& packet : wire.seen()) {
      answered = answered || (client_has_closed && !packet.outgoing && packet.flags() == ".");
      if (packet.outgoing && (packet.packet.tcp->flags & lab::TcpHeader::fin) != 0) client_has_closed = true;
    }
  }
  return wire.seen();
}

// Counts retransmissions once. (Whether a FIN carries PSH does not matter either: see letters().)
std::vector<Seen> essence(const std::vector<Seen>& seen) {
  std::vector<Seen> first;
  for (const Seen& packet : seen) {
    const auto same = [&](const Seen& other) {
      return other.outgoing == packet.outgoing && other.packet.tcp->sequence == packet.packet.tcp->sequence &&
             other.packet.tcp->flags == packet.packet.tcp->flags && other.flags() != ".";
    };
    if (std::ranges::none_of(first, same)) first.push_back(packet);
  }
  return first;
}

enum class PureAcks : uint8_t { included, left_out };

std::string letters(const std::vector<Seen>& seen, PureAcks pure_acks) {
  std::string text;
  for (const Seen& packet : seen) {
    const std::string flags = packet.flags().starts_with("F") ? "F." : packet.flags();
    if (pure_acks == PureAcks::included || flags != ".") text += fmt::format("{}{}", text.empty() ? "" : " ", flags);
  }
  return text;
}

// The client and server of the claim's source: the client connects and reads the greeting; the server, which sent it,
// closes first.
Finding the_exchange_on_the_wire(Surroundings& here) {
  Finding finding;
  const Listener far = here.far_listener({.delay = 10ms});
  Wire wire(far.at);
  UniqueFd client = tcp_socket();
  checked(::connect(client.get(), far.at.address(), far.at.size()), "connect");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));

  const std::string greeting(255, 'x');  // as long as in the source
  checked(static_cast<int>(::send(server.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL)), "send");
  server.reset(-1);  // close()
  char bytes[256];
  while (::recv(client.get(), bytes, sizeof bytes, 0) > 0) {
  }
  client.reset(-1);

  const std::vector<Seen>& all = settled(wire);
  for (const Seen& packet : all)
    finding.saw("{:>8}  {}  [{}]{}", human_readable(packet.at), packet.outgoing ? "client > server" : "server > client",
                packet.flags(), packet.data > 0 ? fmt::format(" {} bytes", packet.data) : "");
  const std::vector<Seen> seen = essence(all);
  const std::string flags = letters(seen, PureAcks::included);
  if (flags == "S S. . P. . F. F. .")
    finding.saw("the eight packets, in this order{}", seen.size() < all.size() ? "; retransmissions count once" : "");
  else
    finding.saw("{} packets: whether an ACK is sent on its own is up to the receiver", all.size());
  const bool so =
      flags.starts_with("S S. . ") && letters(seen, PureAcks::left_out) == "S S. P. F. F." && flags.ends_with(" .");
  finding.verdict = so ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S20;
const Entry S20{
    .id = "S20",
    .sentence = "A capture of a short connection shows SYN, SYN+ACK, ACK, data, ACK, FIN, FIN+ACK, ACK.",
    .source = "probe/conversation.cpp",
    .needs_lab = true,
    .run = the_exchange_on_the_wire,
};

}  // namespace connbench::probes
