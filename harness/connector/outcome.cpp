#include "harness/connector/outcome.h"

#include <errno.h>

namespace connbench {
namespace {

constexpr std::string_view outcome_names[outcome_count] = {
    "connected",     "refused",   "reset",     "unreachable",   "peer_timeout",   "deadline_exceeded",
    "never_started", "cancelled", "exhausted", "not_permitted", "self_connected", "unexpected"};
constexpr std::string_view stage_names[stage_count] = {"", "spawn", "socket", "option", "connect", "wait"};

// Errors that only mean "not finished yet" or "woken". Their cause is the deadline, the cancellation, or a defect.
bool is_interruption(int error) {
  switch (error) {
    case 0:
    case EINTR:
    case EINPROGRESS:
    case EALREADY:
    case EAGAIN:
    case ECANCELED:
    case ETIME:
      return true;
    default:
      return false;
  }
}

// What connect() returns in a thread that shutdown() or connect(AF_UNSPEC) has woken.
bool is_left_by_waking(int error) {
  return error == ECONNRESET || error == ECONNABORTED || error == EPIPE;
}

Outcome outcome_of_error(const Evidence& e) {
  switch (e.error) {
    case ECONNREFUSED:
      return Outcome::refused;
    case ECONNRESET:
      return Outcome::reset;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
      return Outcome::unreachable;
    case ETIMEDOUT:
      return Outcome::peer_timeout;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:  // epoll: fs.epoll.max_user_watches
    case EADDRNOTAVAIL:
      return Outcome::exhausted;
    case EADDRINUSE:  // bind() with a source port of its own choice
      return e.call == Call::bind ? Outcome::exhausted : Outcome::unexpected;
    case EAGAIN:
      if (e.call == Call::connect && e.family == AF_UNIX) return Outcome::refused;  // the backlog is full
      return Outcome::exhausted;  // threads, timers, or ports (connect, as its manual page says)
    case EACCES:
    case EPERM:
      return Outcome::not_permitted;
    default:
      return Outcome::unexpected;
  }
}

Outcome outcome_of(const Evidence& e) {
  if (e.error == 0 && e.call != Call::wait) return Outcome::connected;
  if (e.cancelled && (is_interruption(e.error) || is_left_by_waking(e.error))) return Outcome::cancelled;
  // ETIMEDOUT: a kernel option (TCP_USER_TIMEOUT) was the mechanism that enforced the attempt's own timeout.
  if (e.deadline_passed && (is_interruption(e.error) || e.error == ETIMEDOUT)) return Outcome::deadline_exceeded;
  return e.error == 0 ? Outcome::unexpected : outcome_of_error(e);
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  return outcome_names[static_cast<size_t>(outcome)];
}
std::string_view to_string(Stage stage) noexcept {
  return stage_names[static_cast<size_t>(stage)];
}

Stage stage_of(Call call) noexcept {
  switch (call) {
    case Call::pthread_create:
      return Stage::spawn;
    case Call::socket:
      return Stage::socket;
    case Call::setsockopt:
    case Call::bind:
    case Call::timer:
      return Stage::option;
    case Call::connect:
      return Stage::connect;
    case Call::so_error:
    case Call::wait:
      return Stage::wait;
  }
  return Stage::none;
}

ConnectResult classify(const Evidence& evidence) noexcept {
  return {outcome_of(evidence), stage_of(evidence.call), evidence.error};
}

}  // namespace connbench
