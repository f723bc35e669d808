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

// The four ways of the claim. Each says what it would conclude, and on what ground.
struct Conclusion {
  bool connected;
  std::string ground;
};

// (a) SO_ERROR: the pending error, 0 = none.
Conclusion by_so_error(int fd, const Endpoint&) {
  const int error = so_error(fd);
  return {error == 0, "SO_ERROR = " + error_name(error)};
}

// (b) getpeername(): who is connected has a peer.
Conclusion by_getpeername(int fd, const Endpoint&) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const Returned result = returned(::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size));
  return {result.error == 0, fmt::format("getpeername() = {}", result)};
}

// (c) A read of no bytes: 0 = connected, -1 = failed, with the reason in errno.
Conclusion by_empty_read(int fd, const Endpoint&) {
  char byte = 0;
  const Returned result = returned(::read(fd, &byte, 0));
  return {result.error == 0, fmt::format("read(0 bytes) = {}", result)};
}

// (d) connect() again: EISCONN = connected.
Conclusion by_second_connect(int fd, const Endpoint& to) {
  const Returned result = returned(::connect(fd, to.address(), to.size()));
  return {result.error == EISCONN, fmt::format("connect() again = {}", result)};
}

// (d) as Linux wants it: the first call after success returns 0.
Conclusion by_second_connect_or_0(int fd, const Endpoint& to) {
  Conclusion conclusion = by_second_connect(fd, to);
  conclusion.connected = conclusion.connected || conclusion.ground.ends_with("= 0");
  return conclusion;
}

struct Way {
  const char* name;
  Conclusion (*conclude)(int fd, const Endpoint& to);
};
constexpr Way ways[] = {{"(a) SO_ERROR", by_so_error},
                        {"(b) getpeername()", by_getpeername},
                        {"(c) read of no bytes", by_empty_read},
                        {"(d) connect() again is EISCONN", by_second_connect},
                        {"(d) connect() again is 0 or EISCONN", by_second_connect_or_0}};

struct Case {
  AttemptState state;
  bool connected;
};
constexpr Case cases[] = {{AttemptState::accepted, true},     {AttemptState::data_waiting, true},
                          {AttemptState::fin_received, true}, {AttemptState::refused, false},
                          {AttemptState::timed_out, false},   {AttemptState::unreachable, false},
                          {AttemptState::reset, false}};

// Asks a fresh socket in each state; says where the way is right, and for the first where it is wrong, why.
bool try_way(Finding& finding, const Way& way, const std::vector<std::pair<Case, Attempts>>& sockets, size_t which) {
  std::string wrong;
  for (const auto& [what, attempts] : sockets) {
    const Conclusion conclusion = way.conclude(attempts.fds[which].get(), attempts.to);
    if (conclusion.connected == what.connected) continue;
    wrong += fmt::format("{}{} ({})", wrong.empty() ? "" : ", ", to_string(what.state), conclusion.ground);
  }
  finding.saw("{}: {}", way.name,
              wrong.empty() ? fmt::format("right in all {} states", sockets.size()) : "wrong for " + wrong);
  return wrong.empty();
}

// Does asking take the error away? Then whoever asks next is told that all is well.
void see_who_consumes(Finding& finding, const Attempts& refused, size_t from) {
  std::string consumes, leaves;
  for (const Way& way : {ways[0], ways[1], ways[2], ways[3]}) {
    const int fd = refused.fds[from++].get();
    way.conclude(fd, refused.to);
    std::string& list = so_error(fd) == 0 ? consumes : leaves;
    list += fmt::format("{}{:.3}", list.empty() ? "" : ", ", way.name);
  }
  finding.saw("after a refusal the pending error is consumed by {}, and left alone by {}", consumes, leaves);
}

// A server that accepts and resets at once is a race: SO_ERROR asked right after writability tells either story.
void see_the_race(Finding& finding, const Endpoint& resetting) {
  constexpr int tries = 300;
  int connected = 0, was_reset = 0, other = 0;
  for (int i = 0; i < tries; ++i) {
    const UniqueFd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    ::connect(fd.get(), resetting.address(), resetting.size());
    wait_for(fd.get(), POLLOUT);
    const int error = so_error(fd.get());
    ++(error == 0 ? connected : error == ECONNRESET ? was_reset : other);
  }
  finding.saw("accepted and reset at once, a race: of {} tries SO_ERROR was 0 in {}, ECONNRESET in {}, else in {}",
              tries, connected, was_reset, other);
}

std::vector<std::pair<Case, Attempts>> sockets_of_every_case(Finding& finding, size_t count, Surroundings& here) {
  std::vector<std::pair<Case, Attempts>> sockets;
  for (const Case& what : cases) {
    try {
      sockets.emplace_back(what, attempts_in(what.state, count, here));
    } catch (const NotTestable& reason) {
      finding.saw("{}: not here: {}", to_string(what.state), reason.what());
    }
  }
  return sockets;
}

Finding four_ways(Surroundings& here) {
  Finding finding;
  const auto sockets = sockets_of_every_case(finding, std::size(ways), here);
  std::vector<bool> right;
  for (size_t i = 0; i < std::size(ways); ++i) right.push_back(try_way(finding, ways[i], sockets, i));
  see_who_consumes(finding, attempts_in(AttemptState::refused, 4, here), 0);
  see_the_race(finding, here.target("resetting"));
  const auto works = std::count(right.begin(), right.begin() + 4, true);  // the four as they are claimed
  finding.verdict = works == 4 ? Verdict::confirmed : works == 0 ? Verdict::refuted : Verdict::depends;
  return finding;
}

// "None works on Linux": after a refusal, and after success, does any of the four behave as is said?
Finding none_works(Surroundings& here) {
  Finding finding;
  const auto tell = [&](AttemptState state) {
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
    finding.saw("{}: SO_ERROR = {}; getpeername() = {}; read of no bytes = {}; connect() again = {}, and again = {}",
                to_string(state), error_name(error), name, read, second, third);
    const int agreeing = (state == AttemptState::refused && error == 0) + (name.error == EINPROGRESS) +
                         (read.error == EINPROGRESS) + (second.error == EINPROGRESS);
    return std::pair(agreeing, third);
  };
  const auto [when_refused, third] = tell(AttemptState::refused);
  const auto [when_accepted, ignored] = tell(AttemptState::accepted);
  const int agreeing = when_refused + when_accepted;
  finding.saw("cells that agree with the claim: {} of 8", agreeing);
  if (third.error == EINPROGRESS)
    finding.saw(
        "EINPROGRESS is what the *third* connect() says after a failure: it has begun a new attempt, which is "
        "perhaps what was seen");
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
  finding.saw("asked once more: getsockopt(SO_ERROR) = {}, the error in its argument is {}: it is told once", second,
              error_name(error));
  finding.saw("this kernel does as {}; of the other system nothing can be seen here", as_bsd       ? "BSD"
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
        "Four ways tell a connection from an error: SO_ERROR, getpeername(), a read of length 0, and connect() "
        "called again.",
    .source = "probe/classification.cpp",
    .run = four_ways,
};

extern const Entry S7;
const Entry S7{
    .id = "S7",
    .sentence =
        "None of the four works on Linux: SO_ERROR is always 0, and the other three always end in EINPROGRESS; so "
        "send data, and see.",
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
