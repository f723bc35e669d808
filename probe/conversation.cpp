// S20: a whole connection, as the wire sees it.
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

// Until the wire has seen the last packet of the exchange: the server's answer to the client's FIN.
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

// A FIN may carry PSH or not: nobody cares. What is sent again, because its answer is late, counts once.
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

std::string letters(const std::vector<Seen>& seen, bool with_pure_acks) {
  std::string text;
  for (const Seen& packet : seen) {
    const std::string flags = packet.flags().starts_with("F") ? "F." : packet.flags();
    if (with_pure_acks || flags != ".") text += fmt::format("{}{}", text.empty() ? "" : " ", flags);
  }
  return text;
}

// The source's client and server: connect, read the greeting, and whoever has spoken closes first.
Finding the_exchange_on_the_wire(Surroundings& here) {
  Finding finding;
  const Listener far = here.far_listener({.delay = 10ms});
  Wire wire(far.at);
  UniqueFd client(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::connect(client.get(), far.at.address(), far.at.size()), "connect");
  UniqueFd server(checked(::accept(far.fd.get(), nullptr, nullptr), "accept"));

  const std::string greeting(255, 'x');  // as long as the source's
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
  const std::string flags = letters(seen, true);
  if (flags == "S S. . P. . F. F. .")
    finding.saw("the eight packets, in that order{}", seen.size() < all.size() ? "; those sent again count once" : "");
  else
    finding.saw("{} packets: when a pure ACK is sent on its own is the receiver's choice", all.size());
  const bool so = flags.starts_with("S S. . ") && letters(seen, false) == "S S. P. F. F." && flags.ends_with(" .");
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
