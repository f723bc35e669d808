// S4, S10: giving up before the kernel does.
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <algorithm>

#include "harness/support/joined.h"
#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/wire.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

UniqueFd start_connecting(const Endpoint& to) {
  UniqueFd fd = tcp_socket(SOCK_NONBLOCK);
  ::connect(fd.get(), to.address(), to.size());  // -1 EINPROGRESS: the first SYN is out
  return fd;
}

// Returns 0 when the time passed without an event.
int select_writable(int fd, Duration timeout) {
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(fd, &writable);
  timeval limit{.tv_sec = 0, .tv_usec = timeout / 1us};
  return ::select(fd + 1, nullptr, &writable, nullptr, &limit);
}

// The times at which the SYNs of one socket were seen on the wire.
std::vector<Duration> syns_from(uint16_t port, const std::vector<Seen>& seen) {
  std::vector<Duration> at;
  for (const Seen& packet : seen)
    if (packet.is_syn() && packet.client_port() == port) at.push_back(packet.at);
  return at;
}

std::string describe(const std::vector<Duration>& at) {
  std::string text;
  for (const Duration time : at) text += fmt::format("{}{}", text.empty() ? "" : ", ", human_readable(time));
  return fmt::format("{} SYN{} (at {})", at.size(), at.size() == 1 ? "" : "s", text);
}

Finding closing_stops_the_handshake(Surroundings& here) {
  Finding finding;
  const Endpoint silent = here.far_closed_port({.lose_per_million = 1'000'000});  // the link drops everything
  const Listener healthy = here.far_listener({.delay = 5ms});
  Wire wire(silent);

  const UniqueFd kept = start_connecting(silent);  // for comparison
  UniqueFd closed = start_connecting(silent);
  const uint16_t kept_port = Endpoint::of_socket(kept.get()).port();
  const uint16_t closed_port = Endpoint::of_socket(closed.get()).port();
  const int ready = select_writable(closed.get(), 200ms);
  closed.reset(-1);  // close()
  finding.saw("select() = {} after 200 ms, close()", ready);

  const UniqueFd again = start_connecting(healthy.at);  // a new socket
  const short connected = wait_for(again.get(), POLLOUT);
  finding.saw("a new socket to a host that answers: poll() reports {}, SO_ERROR = {}",
              ready_bits(static_cast<uint32_t>(connected)), error_name(so_error(again.get())));

  // The kernel retransmits the SYN of the socket left open after a second. Wait for that event rather than for a fixed
  // time: by then, the closed socket would have retransmitted too.
  const TimePoint end = now() + patience;
  while (syns_from(kept_port, wire.seen()).size() < 2 && now() < end) sleep_until(now() + 10ms);
  sleep_until(now() + 300ms);  // the closed socket's retransmission would have followed within 200 ms
  const auto of_kept = syns_from(kept_port, wire.seen());
  const auto of_closed = syns_from(closed_port, wire.seen());
  finding.saw("on the wire, from the socket that was left open: {}", describe(of_kept));
  finding.saw("from the closed socket: {}, and none within 300 ms after the other's second SYN", describe(of_closed));
  finding.verdict = ready == 0 && of_kept.size() >= 2 && of_closed.size() == 1 && connected == POLLOUT
                        ? Verdict::confirmed
                        : Verdict::refuted;
  return finding;
}

// A blocking connect() with a timeout to a host that never answers.
struct Limited {
  UniqueFd fd;
  Returned connected;
  Duration took;
};
Limited connect_with_send_timeout(const Endpoint& to, std::chrono::microseconds limit) {
  UniqueFd fd = tcp_socket();
  const timeval value{.tv_sec = limit / 1s, .tv_usec = limit.count() % 1'000'000};
  checked(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value), "SO_SNDTIMEO");
  const TimePoint began = now();
  const Returned connected = returned(::connect(fd.get(), to.address(), to.size()));
  return {std::move(fd), connected, now() - began};
}

Finding send_timeout_bounds_connect(Surroundings& here) {
  constexpr size_t tries = 5;  // of each limit
  Finding finding;
  const Endpoint silent = here.silent();
  bool as_claimed = true;
  size_t too_early = 0;
  for (const auto limit : {10ms, 100ms, 300ms}) {
    std::vector<Duration> overshoot;
    std::vector<std::string> errors;
    for (size_t i = 0; i < tries; ++i) {
      const Limited attempt = connect_with_send_timeout(silent, limit);
      overshoot.push_back(attempt.took - limit);
      const std::string error = error_name(attempt.connected.error);
      if (std::ranges::find(errors, error) == errors.end()) errors.push_back(error);
      as_claimed = as_claimed && attempt.connected.error == EINPROGRESS;
      if (attempt.took < limit) ++too_early;
    }
    finding.saw("SO_SNDTIMEO {}: connect() = -1 {}, late by {}", human_readable(limit), joined(errors, " or "),
                spread(overshoot));
  }
  if (too_early > 0)
    finding.saw("{} of {} ended too early: the timeout is counted in ticks, and a tick may come late", too_early,
                tries * 3);
  const Limited attempt = connect_with_send_timeout(silent, 100ms);
  const TimePoint began = now();
  const Returned second = returned(::connect(attempt.fd.get(), silent.address(), silent.size()));
  finding.saw("it ends the wait, not the attempt: a second connect() waits another {} and returns {}",
              human_readable(now() - began), second);
  if (here.has_lab()) {
    const Listener far = here.far_listener({.delay = 200ms});
    const Limited early = connect_with_send_timeout(far.at, 100ms);
    const short ready = wait_for(early.fd.get(), POLLOUT);
    finding.saw("to a host 400 ms away: connect() = {} after {}, yet poll() later reports {} and SO_ERROR = {}",
                early.connected, human_readable(early.took), ready_bits(static_cast<uint32_t>(ready)),
                error_name(so_error(early.fd.get())));
  }
  finding.verdict = as_claimed && too_early <= tries ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S4;
const Entry S4{
    .id = "S4",
    .sentence = "After select() has timed out, closing the socket stops the handshake, and a new socket can be tried.",
    .source = "probe/deadlines.cpp",
    .needs_lab = true,
    .run = closing_stops_the_handshake,
};

extern const Entry S10;
const Entry S10{
    .id = "S10",
    .sentence = "SO_SNDTIMEO set before connect() limits its duration; its errno is then EINPROGRESS.",
    .source = "probe/deadlines.cpp",
    .run = send_timeout_bounds_connect,
};

}  // namespace connbench::probes
