// S6, S7, S8: the socket is ready; has connect() succeeded?
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "probe/attempt_states.h"
#include "probe/probe.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;

// What one of the four ways concludes, and on what evidence.
struct Conclusion {
  bool connected;
  std::string evidence;
};

// (a) SO_ERROR: the pending error; 0 = none.
Conclusion by_so_error(int fd, const Endpoint&) {
  const int error = so_error(fd);
  return {error == 0, "SO_ERROR = " + error_name(error)};
}

// (b) getpeername(): a connected socket has a peer.
Conclusion by_getpeername(int fd, const Endpoint&) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const Returned result = returned(::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size));
  return {result.error == 0, fmt::format("getpeername() = {}", result)};
}

// (c) A read of length 0: 0 = connected, -1 = failed, with the reason in errno.
Conclusion by_empty_read(int fd, const Endpoint&) {
  char byte = 0;
  const Returned result = returned(::read(fd, &byte, 0));
  return {result.error == 0, fmt::format("read of length 0 = {}", result)};
}

// (d) connect() again: EISCONN = connected.
Conclusion by_second_connect(int fd, const Endpoint& to) {
  const Returned result = returned(::connect(fd, to.address(), to.size()));
  return {result.error == EISCONN, fmt::format("connect() again = {}", result)};
}

// (d) adapted to Linux, where the first call after success returns 0.
Conclusion by_second_connect_or_0(int fd, const Endpoint& to) {
  Conclusion conclusion = by_second_connect(fd, to);
  conclusion.connected = conclusion.connected || conclusion.evidence.ends_with("= 0");
  return conclusion;
}

struct Way {
  const char* name;
  Conclusion (*conclude)(int fd, const Endpoint& to);
};
constexpr Way ways[] = {{"(a) SO_ERROR", by_so_error},
                        {"(b) getpeername()", by_getpeername},
                        {"(c) read of length 0", by_empty_read},
                        {"(d) connect() again gives EISCONN", by_second_connect},
                        {"(d) connect() again gives 0 or EISCONN", by_second_connect_or_0}};

struct Case {
  AttemptState state;
  bool connected;
};
constexpr Case cases[] = {{AttemptState::accepted, true},     {AttemptState::data_waiting, true},
                          {AttemptState::fin_received, true}, {AttemptState::refused, false},
                          {AttemptState::timed_out, false},   {AttemptState::unreachable, false},
                          {AttemptState::reset, false}};

// Tries a way on a fresh socket in each state and reports in which states it is wrong.
bool try_way(Finding& finding, const Way& way, const std::vector<std::pair<Case, Attempts>>& sockets, size_t which) {
  std::string wrong;
  for (const auto& [what, attempts] : sockets) {
    const Conclusion conclusion = way.conclude(attempts.fds[which].get(), attempts.to);
    if (conclusion.connected == what.connected) continue;
    wrong += fmt::format("{}{} ({})", wrong.empty() ? "" : ", ", to_string(what.state), conclusion.evidence);
  }
  finding.saw("{}: {}", way.name,
              wrong.empty() ? fmt::format("correct in all {} states", sockets.size()) : "wrong for " + wrong);
  return wrong.empty();
}

// Does the query consume the error? Then the next query reports success.
void report_which_ways_consume(Finding& finding, const Attempts& refused, size_t from) {
  std::string consumes, leaves;
  for (const Way& way : {ways[0], ways[1], ways[2], ways[3]}) {
    const int fd = refused.fds[from++].get();
    way.conclude(fd, refused.to);
    std::string& list = so_error(fd) == 0 ? consumes : leaves;
    list += fmt::format("{}{:.3}", list.empty() ? "" : ", ", way.name);
  }
  finding.saw("after a refusal, the pending error is consumed by {} and kept by {}", consumes, leaves);
}

// A server that accepts and resets at once is a race: right after writability, SO_ERROR may report either result.
void report_the_race(Finding& finding, const Endpoint& resetting) {
  constexpr int tries = 300;
  int connected = 0, was_reset = 0, other = 0;
  for (int i = 0; i < tries; ++i) {
    const UniqueFd fd = tcp_socket(SOCK_NONBLOCK);
    ::connect(fd.get(), resetting.address(), resetting.size());
    wait_for(fd.get(), POLLOUT);
    const int error = so_error(fd.get());
    ++(error == 0 ? connected : error == ECONNRESET ? was_reset : other);
  }
  finding.saw("accepted and reset at once, a race: of {} tries SO_ERROR was 0 in {}, ECONNRESET in {}, other in {}",
              tries, connected, was_reset, other);
}

std::vector<std::pair<Case, Attempts>> sockets_of_every_case(Finding& finding, size_t count, Surroundings& here) {
  std::vector<std::pair<Case, Attempts>> sockets;
  for (const Case& what : cases) {
    try {
      sockets.emplace_back(what, attempts_in(what.state, count, here));
    } catch (const NotTestable& reason) {
      finding.saw("{}: not testable here: {}", to_string(what.state), reason.what());
    }
  }
  return sockets;
}

Finding four_ways(Surroundings& here) {
  Finding finding;
  const auto sockets = sockets_of_every_case(finding, std::size(ways), here);
  std::vector<bool> right;
  for (size_t i = 0; i < std::size(ways); ++i) right.push_back(try_way(finding, ways[i], sockets, i));
  report_which_ways_consume(finding, attempts_in(AttemptState::refused, 4, here), 0);
  report_the_race(finding, here.target("resetting"));
  const auto works = std::count(right.begin(), right.begin() + 4, true);  // the four ways as claimed
  finding.verdict = works == 4 ? Verdict::confirmed : works == 0 ? Verdict::refuted : Verdict::depends;
  return finding;
}

// After a refusal and after success: does any of the four behave as claimed?
Finding none_works(Surroundings& here) {
  Finding finding;
  const auto try_all = [&](AttemptState state) {
    const Attempts attempts = attempts_in(state, 4, here);
    const auto fd = [&](size_t i) { return attempts.fds[i].get(); };
    const int error = so_error(fd(0));
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const Returned name = returned(::getpeername(fd(1), reinterpret_cast<sockaddr*>(&peer), &size));
    char byte = 0;
    const Returned read = returned(::read(fd(2), &byte, 0));
    const Returned second = returned(::connect(fd(3), attempts.to.address(), attempts.to.size()));
    const Returned third = returned(::connect(fd(3), attempts.to.address(), attempts.to.size()));
    finding.saw(
        "{}: SO_ERROR = {}; getpeername() = {}; read of length 0 = {}; connect() again = {}, and once more = {}",
        to_string(state), error_name(error), name, read, second, third);
    const int agreeing = (state == AttemptState::refused && error == 0) + (name.error == EINPROGRESS) +
                         (read.error == EINPROGRESS) + (second.error == EINPROGRESS);
    return std::pair(agreeing, third);
  };
  const auto [when_refused, third] = try_all(AttemptState::refused);
  const auto [when_accepted, ignored] = try_all(AttemptState::accepted);
  const int agreeing = when_refused + when_accepted;
  finding.saw("results that agree with the claim: {} of 8", agreeing);
  if (third.error == EINPROGRESS)
    finding.saw(
        "EINPROGRESS is what the *third* connect() returns after a failure: it has started a new attempt, which may "
        "explain the claim");
  finding.verdict = agreeing == 0 ? Verdict::refuted : agreeing == 8 ? Verdict::confirmed : Verdict::depends;
  return finding;
}

Finding how_so_error_answers(Surroundings& here) {
  Finding finding;
  const Attempts refused = attempts_in(AttemptState::refused, 1, here);
  int error = 0;
  socklen_t size = sizeof error;
  const Returned first = returned(::getsockopt(refused.fds[0].get(), SOL_SOCKET, SO_ERROR, &error, &size));
  finding.saw("after a refusal: getsockopt(SO_ERROR) = {}, the error in its argument is {}", first, error_name(error));
  const bool as_bsd = first.error == 0 && error == ECONNREFUSED;
  const bool as_solaris = first.error == ECONNREFUSED;
  error = 0;
  const Returned second = returned(::getsockopt(refused.fds[0].get(), SOL_SOCKET, SO_ERROR, &error, &size));
  finding.saw("once more: getsockopt(SO_ERROR) = {}, the error in its argument is {}: it is reported only once", second,
              error_name(error));
  finding.saw("this kernel behaves like {}; the other system cannot be tested here", as_bsd       ? "BSD"
                                                                                     : as_solaris ? "Solaris"
                                                                                                  : "neither");
  finding.verdict = as_bsd || as_solaris ? Verdict::depends : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S6;
const Entry S6{
    .id = "S6",
    .sentence =
        "Four ways distinguish a connection from an error: SO_ERROR, getpeername(), a read of length 0, and calling "
        "connect() again.",
    .source = "probe/classification.cpp",
    .run = four_ways,
};

extern const Entry S7;
const Entry S7{
    .id = "S7",
    .sentence =
        "None of the four works on Linux: SO_ERROR is always 0, and the other three always fail with EINPROGRESS; so "
        "send data to find out.",
    .source = "probe/classification.cpp",
    .run = none_works,
};

extern const Entry S8;
const Entry S8{
    .id = "S8",
    .sentence =
        "getsockopt(SO_ERROR) fails with the pending error on Solaris, and returns 0 with the error in its "
        "argument on BSD.",
    .source = "probe/classification.cpp",
    .run = how_so_error_answers,
};

}  // namespace connbench::probes
