// S13, S17, S18: peers that do not answer, are gone, or leave.
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "harness/lab/addresses.h"
#include "harness/support/kernel_names.h"
#include "harness/support/units.h"
#include "probe/dead_peer.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/tcp_states.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

Finding waiting_is_syn_sent(Surroundings& here) {
  Finding finding;
  const Endpoint silent = here.silent();
  const UniqueFd fd = tcp_socket(SOCK_NONBLOCK);
  const Returned connected = returned(::connect(fd.get(), silent.address(), silent.size()));
  const auto state = tcp_state_of(fd.get());
  finding.saw("to {}: connect() = {}, TCP_INFO reports {}", here.silent_name(), connected, tcp_state_name(state));
  bool listed = false;
  for (const ListedSocket& socket : sockets_at_port(Endpoint::of_socket(fd.get()).port())) {
    if (socket.remote_port != silent.port()) continue;  // the port may also be in use towards another peer
    finding.saw("/proc/net/tcp: {}", describe(socket));
    listed = socket.state == TCP_SYN_SENT;
  }
  const bool so = state == TCP_SYN_SENT && listed;
  finding.verdict = so ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

// The result of connect() when the peer's host is gone, or the path to it.
bool connects_to_what_is_gone(Finding& finding, Surroundings& here) {
  using Answer = lab::LinkRule::Answer;
  const auto try_it = [&](const char* what, const Endpoint& to, int expected) {
    const UniqueFd fd = tcp_socket();
    const TimePoint began = now();
    const Returned connected = returned(::connect(fd.get(), to.address(), to.size()));
    finding.saw("{}: connect() = {} after {}", what, connected, human_readable(now() - began));
    return connected.error == expected;
  };
  const bool silent = try_it("no answer", here.silent(), ETIMEDOUT);
  const bool host = try_it("a router reports the host as unreachable",
                           here.far_closed_port({.answer = Answer::host_unreachable}), EHOSTUNREACH);
  const bool net = try_it("a router reports the network as unreachable",
                          here.far_closed_port({.answer = Answer::net_unreachable}), ENETUNREACH);
  const bool no_route = try_it("no route", Endpoint::ipv4(lab::ipv4_address(lab::Block::no_route, 0), 9), ENETUNREACH);
  return silent && host && net && no_route;
}

volatile sig_atomic_t broken_pipes = 0;

// A peer that has forgotten the connection answers the next packet with RST. Later writes fail.
bool peer_rebooted(Finding& finding) {
  Pair pair = connected_pair();
  forget(std::move(pair.server));
  const Returned sent = returned(::send(pair.client.get(), "x", 1, MSG_NOSIGNAL));
  const short ready = wait_for(pair.client.get(), POLLERR);
  char byte = 0;
  const Returned read = returned(::recv(pair.client.get(), &byte, 1, 0));
  finding.saw(
      "the peer has forgotten the connection, as after a reboot: send() = {}, then poll() reports {} and recv() = {}",
      sent, ready_bits(static_cast<uint32_t>(ready)), read);

  ::signal(SIGPIPE, [](int) { broken_pipes = broken_pipes + 1; });
  const Returned with_signal = returned(::send(pair.client.get(), "x", 1, 0));
  const int signals = broken_pipes;
  const Returned without = returned(::send(pair.client.get(), "x", 1, MSG_NOSIGNAL));
  finding.saw("writing after the RST: send() = {}, with {} SIGPIPE; with MSG_NOSIGNAL send() = {}, without a signal",
              with_signal, signals, without);
  return read.error == ECONNRESET && with_signal.error == EPIPE && signals == 1 && without.error == EPIPE &&
         broken_pipes == 1;
}

bool peer_closed(Finding& finding) {
  Pair pair = connected_pair();
  pair.server.reset(-1);  // close(): FIN
  const short ready = wait_for(pair.client.get(), POLLIN | POLLRDHUP);
  char byte = 0;
  const Returned read = returned(::recv(pair.client.get(), &byte, 1, 0));
  finding.saw("the peer closes: poll() reports {}, recv() = {}", ready_bits(static_cast<uint32_t>(ready)), read);
  return (ready & POLLIN) != 0 && read.value == 0;
}

Finding peers_that_are_gone(Surroundings& here) {
  Finding finding;
  const bool gone = connects_to_what_is_gone(finding, here);
  const bool rebooted = peer_rebooted(finding);
  const bool closed = peer_closed(finding);
  finding.verdict = gone && rebooted && closed ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

// Three connections whose peers go silent at the same time. What does each learn, and when?
Finding dead_peers_are_not_noticed(Surroundings&) {
  Finding finding;
  const Pair idle = connected_pair();
  const Pair probing = connected_pair();
  const Pair sending = connected_pair();

  const auto set = [](const Pair& pair, int level, int option, int value) {
    checked(::setsockopt(pair.client.get(), level, option, &value, sizeof value), "setsockopt");
  };
  set(probing, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(probing, IPPROTO_TCP, TCP_KEEPIDLE, 1);   // after a second of silence
  set(probing, IPPROTO_TCP, TCP_KEEPINTVL, 1);  // every second
  set(probing, IPPROTO_TCP, TCP_KEEPCNT, 2);    // twice
  set(sending, IPPROTO_TCP, TCP_USER_TIMEOUT,
      1500);  // otherwise it would retry for as long as net.ipv4.tcp_retries2 says
  for (const Pair* pair : {&idle, &probing, &sending}) make_deaf(pair->server.get());

  const TimePoint began = now();
  const Returned sent = returned(::send(sending.client.get(), "x", 1, MSG_NOSIGNAL));
  const auto learn = [&](const Pair& pair) {
    const short ready = wait_for(pair.client.get(), POLLIN | POLLERR);
    return fmt::format("poll() reports {} after {}, SO_ERROR = {}", ready_bits(static_cast<uint32_t>(ready)),
                       human_readable(now() - began), error_name(so_error(pair.client.get())));
  };
  const std::string of_sending = learn(sending);
  const std::string of_probing = learn(probing);
  const short of_idle = wait_for(idle.client.get(), POLLIN | POLLERR, 0s);  // by now the others have noticed

  finding.saw("with data sent (send() = {}, TCP_USER_TIMEOUT 1.5 s): {}", sent, of_sending);
  finding.saw("with SO_KEEPALIVE (after 1 s, every 1 s, twice): {}", of_probing);
  finding.saw("with neither: after {} poll() reports {}, TCP is still {}", human_readable(now() - began),
              ready_bits(static_cast<uint32_t>(of_idle)), tcp_state_name(tcp_state_of(idle.client.get())));
  const bool so = of_idle == 0 && of_sending.ends_with("ETIMEDOUT") && of_probing.ends_with("ETIMEDOUT");
  finding.verdict = so ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S13;
const Entry S13{
    .id = "S13",
    .sentence = "While a host does not answer, the socket is in SYN_SENT.",
    .source = "probe/silence.cpp",
    .run = waiting_is_syn_sent,
};

extern const Entry S17;
const Entry S17{
    .id = "S17",
    .sentence =
        "A host that is gone gives ETIMEDOUT, EHOSTUNREACH or ENETUNREACH; one that has rebooted gives ECONNRESET; a "
        "write after an RST gives EPIPE and SIGPIPE; and when the peer has closed, a read returns 0.",
    .source = "probe/silence.cpp",
    .needs_lab = true,
    .run = peers_that_are_gone,
};

extern const Entry S18;
const Entry S18{
    .id = "S18",
    .sentence = "A dead peer is noticed only when data is sent, or through SO_KEEPALIVE.",
    .source = "probe/silence.cpp",
    .run = dead_peers_are_not_noticed,
};

}  // namespace connbench::probes
