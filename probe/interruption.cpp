// S9: a blocking connect() interrupted by a signal.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

constexpr auto long_round_trip = 800ms;
constexpr auto until_the_signal = 150ms;  // long after connect() has started, long before the handshake completes

// Sends SIGALRM once after `delay`. Its handler does nothing, but connect() returns EINTR, unless `flags` has
// SA_RESTART.
void signal_after(Duration delay, int flags) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = flags;
  checked(::sigaction(SIGALRM, &action, nullptr), "sigaction");
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(delay).count();
  const itimerval timer{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = microseconds}};
  checked(::setitimer(ITIMER_REAL, &timer, nullptr), "setitimer");
}

struct Attempt {
  UniqueFd fd;
  Endpoint to;
  TimePoint began;
  Returned first;  // what connect() returned

  Returned again() const { return returned(::connect(fd.get(), to.address(), to.size())); }
  std::string after() const { return human_readable(now() - began); }
};

Attempt interrupted(const Endpoint& to, int flags = 0) {
  UniqueFd fd = tcp_socket();  // blocking
  signal_after(until_the_signal, flags);
  const TimePoint began = now();
  const Returned first = returned(::connect(fd.get(), to.address(), to.size()));
  return {std::move(fd), to, began, first};
}

// Calling connect() again on a blocking socket: does it wait for the attempt in progress, or fail?
bool call_it_again(Finding& finding, const Endpoint& to) {
  const Attempt attempt = interrupted(to);
  const std::string when = attempt.after();
  const Returned second = attempt.again();
  const std::string until = attempt.after();
  const Returned third = attempt.again();
  finding.saw(
      "connect() = {} after {}; the second connect() = {} after {}: it waited for the same attempt; the third = {}",
      attempt.first, when, second, until, third);
  return second.error == EADDRINUSE || third.error == EADDRINUSE;
}

bool call_it_again_without_waiting(Finding& finding, const Endpoint& to) {
  const Attempt attempt = interrupted(to);
  checked(::fcntl(attempt.fd.get(), F_SETFL, O_NONBLOCK), "fcntl");
  const Returned second = attempt.again();
  const Returned third = attempt.again();
  finding.saw("connect() = {}; after making the socket non-blocking, the second connect() = {}, the third = {}",
              attempt.first, second, third);
  return second.error == EADDRINUSE || third.error == EADDRINUSE;
}

// The right way: the attempt continues by itself, so wait until the socket is writable, then query SO_ERROR.
bool wait_for_it(Finding& finding, const Endpoint& to) {
  const Attempt attempt = interrupted(to);
  const short ready = wait_for(attempt.fd.get(), POLLOUT);
  const int error = so_error(attempt.fd.get());
  finding.saw("connect() = {}, then poll() reports {} after {}, SO_ERROR = {}: connected by waiting", attempt.first,
              ready_bits(static_cast<uint32_t>(ready)), attempt.after(), error_name(error));
  return attempt.first.error == EINTR && ready == POLLOUT && error == 0;
}

Finding a_signal_interrupts(Surroundings& here) {
  Finding finding;
  const Listener far = here.far_listener({.delay = long_round_trip / 2});
  const bool in_use = call_it_again(finding, far.at);
  const bool in_use_either = call_it_again_without_waiting(finding, far.at);
  const bool waiting_works = wait_for_it(finding, far.at);
  const Attempt restarted = interrupted(far.at, SA_RESTART);
  finding.saw("with SA_RESTART connect() is not interrupted: {} after {}", restarted.first, restarted.after());
  finding.saw("EADDRINUSE was {}; waiting for writability is {}", in_use || in_use_either ? "seen" : "never seen",
              waiting_works ? "right" : "wrong");
  if (in_use && in_use_either) {
    finding.verdict = waiting_works ? Verdict::confirmed : Verdict::depends;
  } else {
    finding.verdict = in_use || in_use_either ? Verdict::depends : Verdict::refuted;
  }
  return finding;
}

}  // namespace

extern const Entry S9;
const Entry S9{
    .id = "S9",
    .sentence =
        "A blocking connect() interrupted by a signal must not be called again, because it would fail with "
        "EADDRINUSE; wait with select() instead.",
    .source = "probe/interruption.cpp",
    .needs_lab = true,
    .run = a_signal_interrupts,
};

}  // namespace connbench::probes
