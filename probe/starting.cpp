// S3, S23: what a non-blocking connect() returns, and what a program can do meanwhile.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

struct Counts {
  int at_once = 0;      // connect() returned 0
  int in_progress = 0;  // -1 EINPROGRESS
  int other = 0;
};

// Connects repeatedly to a listener on this machine, each time with a new non-blocking socket.
Counts count_answers(const Listener& listener, int tries) {
  Counts counts;
  for (int i = 0; i < tries; ++i) {
    const UniqueFd fd(checked(::socket(listener.at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const Returned connected = returned(::connect(fd.get(), listener.at.address(), listener.at.size()));
    ++(connected.error == 0 ? counts.at_once : connected.error == EINPROGRESS ? counts.in_progress : counts.other);
    const UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));  // keeps the queue short
    reset_on_close(fd.get());
  }
  return counts;
}

Finding two_answers_of_connect(Surroundings&) {
  constexpr int tries = 1000;
  Finding finding;
  int tcp_at_once = 0, tcp_tries = 0, unix_at_once = 0;
  for (const auto& [family, name] :
       {std::pair{Family::ipv4, "127.0.0.1"}, {Family::ipv6, "::1"}, {Family::unix_domain, "a UNIX socket"}}) {
    try {
      const Counts counts = count_answers(listen_on_loopback(family), tries);
      finding.saw(
          "{}: of {} non-blocking connects, {} returned 0, {} returned -1 EINPROGRESS, {} failed with another errno",
          name, tries, counts.at_once, counts.in_progress, counts.other);
      (family == Family::unix_domain ? unix_at_once : tcp_at_once) += counts.at_once;
      if (family != Family::unix_domain) tcp_tries += tries;
    } catch (const std::system_error& error) {
      finding.saw("{}: not testable here ({})", name, error.what());
    }
  }
  // Over loopback the handshake completes inside connect(), yet Linux returns EINPROGRESS.
  finding.saw("TCP {} returns 0 at once here, UNIX sockets {}; a program must handle both results",
              tcp_at_once > 0 ? "sometimes" : "never", unix_at_once > 0 ? "do" : "do not");
  finding.verdict = tcp_at_once > 0 ? Verdict::confirmed : unix_at_once > 0 ? Verdict::depends : Verdict::refuted;
  if (tcp_tries == 0) finding.verdict = Verdict::not_testable;
  return finding;
}

// One thread with one epoll makes `count` connects to `to` at once. Returns the time until the last has connected.
Duration connect_together(const Endpoint& to, int count, int& connected) {
  const TimePoint began = now();
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < count; ++i) {
    UniqueFd fd = tcp_socket(SOCK_NONBLOCK);
    ::connect(fd.get(), to.address(), to.size());  // -1 EINPROGRESS: on its way
    epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.fd = fd.get()}};
    checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event), "epoll_ctl");
    sockets.push_back(std::move(fd));
  }
  for (int ended = 0; ended < count; ++ended) {
    epoll_event event{};
    if (::epoll_wait(epoll.get(), &event, 1, 10'000) != 1) break;
    connected += so_error(event.data.fd) == 0;  // once ready, SO_ERROR says whether it succeeded
  }
  return now() - began;
}

// The same connects one after the other, each blocking.
Duration connect_in_turn(const Endpoint& to, int count) {
  const TimePoint began = now();
  for (int i = 0; i < count; ++i) {
    const UniqueFd fd = tcp_socket();
    checked(::connect(fd.get(), to.address(), to.size()), "connect");
  }
  return now() - began;
}

Finding many_at_once(Surroundings& here) {
  constexpr auto round_trip = 100ms;
  constexpr int together = 100, in_turn = 5;
  Finding finding;
  const Listener far = here.far_listener({.delay = round_trip / 2});
  int connected = 0;
  const Duration one_thread = connect_together(far.at, together, connected);
  const Duration each = connect_in_turn(far.at, in_turn) / in_turn;
  finding.saw(
      "a host {} away: one thread with one epoll had {} connects in progress at once, and {} of them connected within "
      "{}",
      human_readable(round_trip), together, connected, human_readable(one_thread));
  finding.saw("with blocking connects, each of {} took {}: {} in turn would take {} (computed)", in_turn,
              human_readable(each), together, human_readable(each * together));

  // Other work meanwhile: 500 attempts that will never be answered do not keep this thread from connecting.
  const Endpoint silent = here.silent();
  std::vector<UniqueFd> pending;
  for (int i = 0; i < 500; ++i) {
    pending.push_back(tcp_socket(SOCK_NONBLOCK));
    ::connect(pending.back().get(), silent.address(), silent.size());
  }
  int meanwhile = 0;
  const Duration beside = connect_together(far.at, together, meanwhile);
  finding.saw("with {} more connects pending to {}, {} of {} connected within {}", pending.size(), here.silent_name(),
              meanwhile, together, human_readable(beside));
  // Far faster than one after the other: a bound that holds on a busy machine too.
  const bool so = connected == together && meanwhile == together && one_thread < each * together / 4;
  finding.verdict = so ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S3;
const Entry S3{
    .id = "S3",
    .sentence =
        "A non-blocking connect() returns -1 with EINPROGRESS; to a server on the same host it may complete at once "
        "and return 0.",
    .source = "probe/starting.cpp",
    .run = two_answers_of_connect,
};

extern const Entry S23;
const Entry S23{
    .id = "S23",
    .sentence =
        "With non-blocking connects, a program can have many connections in progress at once and do other work "
        "meanwhile.",
    .source = "probe/starting.cpp",
    .needs_lab = true,
    .run = many_at_once,
};

}  // namespace connbench::probes
