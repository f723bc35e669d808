// How an attempt can end, and the only place that decides it.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace connbench {

/// How an attempt ended. In the order of the columns of summary.csv.
enum class Outcome : uint8_t {
  connected,          ///< the handshake finished
  refused,            ///< the peer refused: RST to a SYN, or a UNIX socket without a listener or without room
  reset,              ///< connected, and reset before the connector looked
  unreachable,        ///< the network reports that there is no route
  peer_timeout,       ///< the kernel gave up by its own rules (tcp_syn_retries, TCP_SYNCNT): ETIMEDOUT
  deadline_exceeded,  ///< the attempt's own timeout passed first
  never_started,      ///< the wave ended before the attempt's first system call
  cancelled,          ///< begun, and abandoned because the wave ended
  exhausted,          ///< this machine ran out of threads, descriptors, ports or memory
  not_permitted,      ///< EACCES or EPERM: a firewall, a prohibited route
  self_connected,     ///< the socket connected to itself: a simultaneous open on one port
  unexpected,         ///< anything else; the errno says what
};
inline constexpr size_t outcome_count = 12;

/// The step of an attempt at which its outcome became known.
enum class Stage : uint8_t { none, spawn, socket, option, connect, wait };
inline constexpr size_t stage_count = 6;

/// The names in the records ("deadline_exceeded", "spawn"; Stage::none is "").
std::string_view to_string(Outcome outcome) noexcept;
std::string_view to_string(Stage stage) noexcept;

/// All outcomes, in column order.
constexpr std::array<Outcome, outcome_count> all_outcomes() {
  std::array<Outcome, outcome_count> all{};
  for (size_t i = 0; i < outcome_count; ++i) all[i] = static_cast<Outcome>(i);
  return all;
}

struct ConnectResult {
  Outcome outcome = Outcome::unexpected;
  Stage stage = Stage::none;
  int os_error = 0;  ///< errno, 0 when no call failed

  bool operator==(const ConnectResult&) const = default;
};

/// The call that revealed the state of the attempt. Each belongs to one stage.
enum class Call : uint8_t {
  pthread_create,  ///< spawn
  socket,          ///< socket
  setsockopt,      ///< option
  bind,            ///< option
  timer,           ///< option: timer_create, timer_settime, before connect()
  connect,         ///< connect
  so_error,        ///< wait: SO_ERROR, or another call that reads the pending error, after readiness
  wait,            ///< wait: select, poll, epoll_ctl, epoll_wait, io_uring_enter; error 0 = nothing became ready
};
Stage stage_of(Call call) noexcept;

/// What a connector knows when it must decide how an attempt ended.
struct Evidence {
  Call call = Call::connect;
  int error = 0;  ///< errno of `call`, or the value of SO_ERROR; 0 = success, or a wait in which nothing became ready
  sa_family_t family = AF_INET;  ///< EAGAIN means no port on AF_INET, and a full backlog on AF_UNIX
  bool cancelled = false;        ///< cancel_all() was called before this moment
  bool deadline_passed = false;  ///< the mechanism that enforces the timeout has fired
};

/// Maps evidence to an outcome. A pure function: it reads no clock and no descriptor.
///
/// An error that reports what the peer or the network did (refused, reset, unreachable …) always wins. Cancelling and
/// the deadline explain only the errors that they cause themselves. A wait in which nothing became ready is
/// `unexpected` unless a deadline or a cancellation explains it.
ConnectResult classify(const Evidence& evidence) noexcept;

}  // namespace connbench
