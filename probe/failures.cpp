// S12, S14, S15: connects that fail, and whether their sockets can be reused.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "harness/lab/addresses.h"
#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

// A blocking connect(), timed.
struct Timed {
  Returned connected;
  Duration took;
};
Timed timed_connect(int fd, const Endpoint& to) {
  const TimePoint began = now();
  const Returned connected = returned(::connect(fd, to.address(), to.size()));
  return {connected, now() - began};
}

// Fails to connect to `bad`, then uses the same socket for `good`. Returns true when that connects and carries a byte.
bool use_again(Finding& finding, const char* how, const Endpoint& bad, const Listener& good) {
  const UniqueFd fd = tcp_socket();
  const int one = 1;
  checked(::setsockopt(fd.get(), IPPROTO_TCP, TCP_SYNCNT, &one, sizeof one), "TCP_SYNCNT");  // gives up after 3 s
  const Timed first = timed_connect(fd.get(), bad);
  const Timed same = timed_connect(fd.get(), bad);
  const Timed second = timed_connect(fd.get(), good.at);
  bool carries = false;
  if (second.connected.error == 0) {
    const UniqueFd accepted(checked(::accept(good.fd.get(), nullptr, nullptr), "accept"));
    char byte = 0;
    carries = ::send(accepted.get(), "x", 1, MSG_NOSIGNAL) == 1 && ::recv(fd.get(), &byte, 1, 0) == 1;
  }
  finding.saw("{}: connect() = {}; once more = {}; to a host that answers, on the same socket = {}{}", how,
              first.connected, same.connected, second.connected, carries ? ", and it carries data" : "");
  return first.connected.error != 0 && carries;
}

Finding a_failed_socket_is_used_again(Surroundings& here) {
  Finding finding;
  const Listener good = listen_on_loopback();
  int works = use_again(finding, "refused", here.closed_port(), good);
  works += use_again(finding, "timed out", here.silent(), good);
  int tries = 2;
  if (here.has_lab()) {
    const Endpoint unreachable = here.far_closed_port({.answer = lab::LinkRule::Answer::host_unreachable});
    works += use_again(finding, "unreachable", unreachable, good);
    ++tries;
  }
  finding.saw(
      "POSIX leaves the state of such a socket unspecified: a portable program creates a new one; on Linux reuse "
      "works");
  finding.verdict = works == tries ? Verdict::refuted : works == 0 ? Verdict::confirmed : Verdict::depends;
  return finding;
}

// Connects `tries` times and reports how many were refused and how long they took. Returns true when all were refused.
bool refusals(Finding& finding, const char* where, const Endpoint& to, int tries) {
  std::vector<Duration> took;
  int refused = 0;
  for (int i = 0; i < tries; ++i) {
    const Timed timed = timed_connect(tcp_socket().get(), to);
    refused += timed.connected.error == ECONNREFUSED;
    took.push_back(timed.took);
  }
  finding.saw("{}: ECONNREFUSED in {} of {}, {}", where, refused, tries, spread(took));
  return refused == tries;
}

Finding a_closed_port_refuses(Surroundings& here) {
  Finding finding;
  bool all = refusals(finding, "a closed port of 127.0.0.1", here.closed_port(), 50);
  if (here.has_lab())
    all = refusals(finding, "a closed port of a host 20 ms away", here.far_closed_port({.delay = 10ms}), 10) && all;
  finding.verdict = all ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

Finding an_absent_host_is_unreachable(Surroundings&) {
  Finding finding;
  const Endpoint absent = Endpoint::ipv4(lab::ipv4_address(lab::Block::no_arp, 0), 9);
  // Otherwise TCP would give up before ARP, with ETIMEDOUT: the lab's tcp_syn_retries is 1.
  const UniqueFd fd = tcp_socket();
  const int syns = 6;
  checked(::setsockopt(fd.get(), IPPROTO_TCP, TCP_SYNCNT, &syns, sizeof syns), "TCP_SYNCNT");
  const Timed timed = timed_connect(fd.get(), absent);
  finding.saw("an unused address on the local network: connect() = {} after {}", timed.connected,
              human_readable(timed.took));
  // ARP requests went unanswered: no TCP packet was sent, and no router was involved.
  finding.saw("this kernel gave up on ARP; no gateway answered with ICMP");
  finding.verdict = timed.connected.error == EHOSTUNREACH ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S12;
const Entry S12{
    .id = "S12",
    .sentence = "After a failed connect() the socket cannot be used any more: a new one must be created.",
    .source = "probe/failures.cpp",
    .run = a_failed_socket_is_used_again,
};

extern const Entry S14;
const Entry S14{
    .id = "S14",
    .sentence = "A closed port answers with RST: connect() fails at once with ECONNREFUSED.",
    .source = "probe/failures.cpp",
    .run = a_closed_port_refuses,
};

extern const Entry S15;
const Entry S15{
    .id = "S15",
    .sentence = "A nonexistent host on the local network gives EHOSTUNREACH, because ARP requests go unanswered.",
    .source = "probe/failures.cpp",
    .needs_lab = true,
    .run = an_absent_host_is_unreachable,
};

}  // namespace connbench::probes
