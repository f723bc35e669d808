// S16, S19: connect() on a datagram socket, and what the return of send() proves.
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "probe/dead_peer.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/wire.h"
#include "probe/words.h"

namespace connbench::probes_table {
namespace {

using namespace probe;
using namespace std::chrono_literals;

std::string describe(const std::vector<Seen>& seen) {
  std::string text;
  for (const Seen& packet : seen)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", packet.outgoing ? "out" : "in", packet.flags());
  return text.empty() ? "nothing" : text;
}

Finding connect_of_a_datagram_socket(Surroundings& here) {
  Finding finding;
  const Endpoint closed = here.far_closed_port({.delay = 5ms});
  Wire wire(closed);
  const UniqueFd fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Returned connected = returned(::connect(fd.get(), closed.address(), closed.size()));
  const bool has_peer = Endpoint::of_peer(fd.get()) == closed;
  // Whatever connect() had sent would have been answered by now: the host is 10 ms away, and refuses.
  const short answer = wait_for(fd.get(), POLLIN | POLLERR, 200ms);
  const size_t packets = wire.seen().size();
  finding.saw("connect() to a closed port = {}; getpeername() gives {}; the wire has seen {}", connected,
              has_peer ? "that address" : "another address", describe(wire.seen()));

  const Returned first = returned(::send(fd.get(), "x", 1, 0));
  const short error = wait_for(fd.get(), POLLERR);
  const Returned second = returned(::send(fd.get(), "x", 1, 0));
  finding.saw("send() = {}; the wire has seen {}; poll() says {}; the next send() = {}: the error of the first", first,
              describe(wire.seen()), ready_bits(static_cast<uint32_t>(error)), second);
  const Returned third = returned(::send(fd.get(), "x", 1, 0));
  finding.saw("and the one after it = {}: it was told once", third);

  const bool so = connected.error == 0 && has_peer && answer == 0 && packets == 0 && second.error == ECONNREFUSED;
  finding.verdict = so ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

Finding send_proves_nothing(Surroundings&) {
  Finding finding;
  // A peer that hears nothing: what is sent to it is neither received nor acknowledged.
  const Pair pair = connected_pair();
  make_deaf(pair.server.get());
  const Returned sent = returned(::send(pair.client.get(), "hello", 5, MSG_NOSIGNAL));
  const short heard = wait_for(pair.server.get(), POLLIN, 100ms);
  int not_acknowledged = 0;
  checked(::ioctl(pair.client.get(), SIOCOUTQ, &not_acknowledged), "SIOCOUTQ");
  finding.saw(
      "TCP, to a peer that hears nothing: send(5 bytes) = {}; after 100 ms the peer's poll() says {}, and {} bytes "
      "are not acknowledged (SIOCOUTQ)",
      sent, ready_bits(static_cast<uint32_t>(heard)), not_acknowledged);

  // A peer that closes without reading: send() has long returned when the RST comes.
  Pair closing = connected_pair();
  const Returned before = returned(::send(closing.client.get(), "hello", 5, MSG_NOSIGNAL));
  closing.server.reset(-1);  // close() with unread data sends RST
  wait_for(closing.client.get(), POLLERR);
  finding.saw("TCP, to a peer that closes without reading: send(5 bytes) = {}, and later SO_ERROR = {}", before,
              error_name(so_error(closing.client.get())));

  // 65,535 is the most that an IPv4 packet holds: 20 are its header, 8 the one of UDP.
  const Listener nobody = listen_on_loopback();  // its port number, for UDP: somewhere to send to
  const UniqueFd udp(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::connect(udp.get(), nobody.at.address(), nobody.at.size()), "connect");
  const std::string bytes(65'508, 'x');
  const Returned largest = returned(::send(udp.get(), bytes.data(), 65'507, 0));
  ::poll(nullptr, 0, 10);
  static_cast<void>(so_error(udp.get()));  // nobody listens there, and that is not what is asked
  const Returned too_large = returned(::send(udp.get(), bytes.data(), 65'508, 0));
  finding.saw("UDP: send(65,507 bytes) = {}, send(65,508 bytes) = {}", largest, too_large);

  const bool no_proof = sent.value == 5 && heard == 0 && not_acknowledged == 5;
  finding.verdict = no_proof && too_large.error == EMSGSIZE ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S16;
const Entry S16{
    .id = "S16",
    .sentence = "connect() on a datagram socket only stores the peer's address, and sends nothing.",
    .source = "probe/datagrams.cpp",
    .needs_lab = true,
    .run = connect_of_a_datagram_socket,
};

extern const Entry S19;
const Entry S19{
    .id = "S19",
    .sentence = "That send() has returned is no proof of delivery; a datagram that is too large fails with EMSGSIZE.",
    .source = "probe/datagrams.cpp",
    .run = send_proves_nothing,
};

}  // namespace connbench::probes_table
