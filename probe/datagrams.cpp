// S16, S19: connect() on a datagram socket, and what a successful send() proves.
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "probe/dead_peer.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/wire.h"
#include "probe/words.h"

namespace connbench::probes {
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
  // Anything that connect() had sent would have been answered by now: the host is 10 ms away and refuses.
  const short answer = wait_for(fd.get(), POLLIN | POLLERR, 200ms);
  const size_t packets = wire.seen().size();
  finding.saw("connect() to a closed port = {}; getpeername() returns {}; on the wire: {}", connected,
              has_peer ? "its address" : "another address", describe(wire.seen()));

  const Returned first = returned(::send(fd.get(), "x", 1, 0));
  const short error = wait_for(fd.get(), POLLERR);
  const Returned second = returned(::send(fd.get(), "x", 1, 0));
  finding.saw("send() = {}; on the wire: {}; poll() reports {}; the next send() = {}, the error of the first", first,
              describe(wire.seen()), ready_bits(static_cast<uint32_t>(error)), second);
  const Returned third = returned(::send(fd.get(), "x", 1, 0));
  finding.saw("and the one after that = {}: the error is reported only once", third);

  const bool so = connected.error == 0 && has_peer && answer == 0 && packets == 0 && second.error == ECONNREFUSED;
  finding.verdict = so ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

// Sends to a peer that receives and acknowledges nothing. Returns true when send() succeeds nevertheless.
bool send_to_a_deaf_peer(Finding& finding) {
  const Pair pair = connected_pair();
  try {
    make_deaf(pair.server.get());
  } catch (const NotTestable& reason) {
    finding.saw("TCP, to a peer that receives nothing: not testable here: {}", reason.what());
    return true;
  }
  const Returned sent = returned(::send(pair.client.get(), "hello", 5, MSG_NOSIGNAL));
  const short heard = wait_for(pair.server.get(), POLLIN, 100ms);
  int not_acknowledged = 0;
  checked(::ioctl(pair.client.get(), SIOCOUTQ, &not_acknowledged), "SIOCOUTQ");
  finding.saw(
      "TCP, to a peer that receives nothing: send(5 bytes) = {}; after 100 ms the peer's poll() reports {}, and {} "
      "bytes "
      "are unacknowledged (SIOCOUTQ)",
      sent, ready_bits(static_cast<uint32_t>(heard)), not_acknowledged);
  return sent.value == 5 && heard == 0 && not_acknowledged == 5;
}

// Sends to a peer that closes without reading: send() has long returned when the RST arrives.
bool send_to_a_peer_that_does_not_read(Finding& finding) {
  Pair pair = connected_pair();
  const Returned sent = returned(::send(pair.client.get(), "hello", 5, MSG_NOSIGNAL));
  wait_for(pair.server.get(), POLLIN);  // unread data has arrived: now close() sends RST
  pair.server.reset(-1);
  wait_for(pair.client.get(), POLLERR);
  const int error = so_error(pair.client.get());
  finding.saw("TCP, to a peer that closes without reading: send(5 bytes) = {}, and later SO_ERROR = {}", sent,
              error_name(error));
  return sent.value == 5 && error == ECONNRESET;
}

// An IPv4 packet holds at most 65,535 bytes, of which 20 are its header and 8 that of UDP.
bool too_large_for_a_datagram(Finding& finding) {
  const UniqueFd receiver(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(receiver.get(), any_port.address(), any_port.size()), "bind");
  const Endpoint to = Endpoint::of_socket(receiver.get());
  const UniqueFd sender(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::connect(sender.get(), to.address(), to.size()), "connect");
  const std::string bytes(65'508, 'x');
  const Returned largest = returned(::send(sender.get(), bytes.data(), 65'507, 0));
  const Returned too_large = returned(::send(sender.get(), bytes.data(), 65'508, 0));
  finding.saw("UDP: send(65,507 bytes) = {}, send(65,508 bytes) = {}", largest, too_large);
  return largest.value == 65'507 && too_large.error == EMSGSIZE;
}

Finding send_proves_nothing(Surroundings&) {
  Finding finding;
  const bool deaf = send_to_a_deaf_peer(finding);
  const bool unread = send_to_a_peer_that_does_not_read(finding);
  const bool too_large = too_large_for_a_datagram(finding);
  finding.verdict = deaf && unread && too_large ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S16;
const Entry S16{
    .id = "S16",
    .sentence = "connect() on a datagram socket only stores the peer's address and sends nothing.",
    .source = "probe/datagrams.cpp",
    .needs_lab = true,
    .run = connect_of_a_datagram_socket,
};

extern const Entry S19;
const Entry S19{
    .id = "S19",
    .sentence =
        "A successful send() does not prove delivery; sending a datagram that is too large fails with EMSGSIZE.",
    .source = "probe/datagrams.cpp",
    .run = send_proves_nothing,
};

}  // namespace connbench::probes
