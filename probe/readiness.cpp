// S5, S22: what select(), poll() and epoll report about a connect in progress, and what select() does to its arguments.
#include <sys/select.h>
#include <sys/socket.h>

#include "probe/attempt_states.h"
#include "probe/probe.h"
#include "probe/queries.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;

// The claim's interpretation of select()'s two results.
enum class Reading { not_ready, connected, error_or_more };
Reading reading_of(const Readiness& seen) {
  if (!seen.writable) return Reading::not_ready;
  return seen.readable ? Reading::error_or_more : Reading::connected;
}
Reading truth_of(AttemptState state) {
  if (state == AttemptState::pending) return Reading::not_ready;
  return state == AttemptState::accepted ? Reading::connected : Reading::error_or_more;
}

Finding bits_of_every_state(Surroundings& here) {
  Finding finding;
  bool as_claimed = true;
  for (const AttemptState state :
       {AttemptState::pending, AttemptState::accepted, AttemptState::data_waiting, AttemptState::fin_received,
        AttemptState::reset, AttemptState::refused, AttemptState::timed_out, AttemptState::unreachable}) {
    try {
      const Attempts attempts = attempts_in(state, 1, here);
      const Readiness seen = readiness_of(attempts.fds.front().get());
      finding.saw("{}: select {}{}{}; poll {}; epoll {}", to_string(state), seen.readable ? "readable " : "",
                  seen.writable ? "writable" : "not writable", seen.exceptional ? " exceptional" : "",
                  ready_bits(seen.poll), ready_bits(seen.epoll));
      as_claimed = as_claimed && reading_of(seen) == truth_of(state);
    } catch (const NotTestable& reason) {
      finding.saw("{}: not testable here: {}", to_string(state), reason.what());
    }
  }
  finding.saw(
      "errors, data and FIN all make a socket readable and writable: this only distinguishes them from an idle "
      "connection");
  finding.verdict = as_claimed ? Verdict::confirmed : Verdict::refuted;
  return finding;
}

// select() overwrites its sets with the ready descriptors and, on Linux, its timeout with the remaining time.
Finding select_consumes_its_arguments(Surroundings&) {
  Finding finding;
  const Pair pair = connected_pair();  // nothing to read, so it times out
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(pair.client.get(), &readable);
  timeval limit{.tv_sec = 0, .tv_usec = 50'000};
  const int ready = ::select(pair.client.get() + 1, &readable, nullptr, nullptr, &limit);
  const bool set_is_empty = FD_ISSET(pair.client.get(), &readable) == 0;
  const bool time_is_gone = limit.tv_sec == 0 && limit.tv_usec == 0;
  finding.saw("nothing ready: select() = {}; the descriptor is {} in the set, the timeout of 50 ms has become {} us",
              ready, set_is_empty ? "no longer" : "still", limit.tv_usec);

  // Called again without resetting both, it checks no descriptor and waits for no time.
  const int again = ::select(pair.client.get() + 1, &readable, nullptr, nullptr, &limit);
  finding.saw("the same call with the leftover arguments: select() = {} at once, whatever happens", again);

  checked(static_cast<int>(::send(pair.server.get(), "x", 1, MSG_NOSIGNAL)), "send");
  FD_SET(pair.client.get(), &readable);
  limit = {.tv_sec = 10, .tv_usec = 0};
  const int data = ::select(pair.client.get() + 1, &readable, nullptr, nullptr, &limit);
  const bool counts_down = limit.tv_sec < 10;
  finding.saw("with both set again and data waiting: select() = {}; of 10 s, {} s and {} us are left", data,
              limit.tv_sec, limit.tv_usec);
  finding.verdict = set_is_empty && time_is_gone && counts_down && data == 1 ? Verdict::confirmed
                    : set_is_empty                                           ? Verdict::depends
                                                                             : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S5;
const Entry S5{
    .id = "S5",
    .sentence =
        "After a non-blocking connect(), select() reports only writable when it has connected, and readable and "
        "writable when it has failed or when data or a FIN has already arrived.",
    .source = "probe/readiness.cpp",
    .run = bits_of_every_state,
};

extern const Entry S22;
const Entry S22{
    .id = "S22",
    .sentence = "select() consumes its fd_set and its timeval: both must be set again before each call.",
    .source = "probe/readiness.cpp",
    .run = select_consumes_its_arguments,
};

}  // namespace connbench::probes
