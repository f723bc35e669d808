// The interface between the runner and a way of connecting. impl/README.md is its guide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/outcome.h"
#include "harness/support/clock.h"

namespace connbench {

/// One connection to be made.
struct Attempt {
  uint64_t id;                          ///< unique among the attempts in flight
  std::span<const Endpoint> endpoints;  ///< at least one; outlive the attempt. Only racing connectors use the others
  TimePoint scheduled;                  ///< when the load wanted it to begin
  Duration timeout;                     ///< counted from `Completion::started`; connectors without a deadline ignore it
};

/// What a connection speaks. A socket that was opened for MPTCP falls back to TCP when its peer does not speak it.
enum class Protocol : uint8_t { unknown, tcp, mptcp };
/// Those that a socket can be opened for, as OptionSpec::choices.
inline constexpr std::string_view protocols = "tcp|mptcp";
/// "", "tcp", "mptcp".
std::string_view to_string(Protocol protocol) noexcept;

/// The kernel's view of a handshake, read from the socket when the policy asks for it.
struct Handshake {
  bool known = false;                     ///< of what TCP_INFO says; false: not asked for, or not a TCP socket
  uint8_t syn_retransmits = 0;            ///< tcpi_total_retrans: before any data is sent, all are SYNs
  uint16_t local_port = 0;                ///< 0: not asked for, or it has none
  Protocol protocol = Protocol::unknown;  ///< unknown: not asked for, or not connected
  Duration round_trip{};                  ///< tcpi_rtt; after a retransmitted SYN, of the last exchange only
};

/// How an attempt ended.
struct Completion {
  uint64_t id = 0;
  ConnectResult result{};
  TimePoint started{};  ///< just before the attempt's first system call; TimePoint{} = it made none
  /// When the program could act on the outcome: the clock is read for this attempt alone, when the connector has come
  /// to it, and before its socket is disposed of. What the connector did before for other attempts, such as closing
  /// their sockets, counts; TimePoint{} = the attempt made no system call.
  TimePoint finished{};
  Handshake handshake{};
};

/// What a connector claims to do. The conformance suite checks the claims.
struct Capabilities {
  enum class Threads : uint8_t {
    none,         ///< one thread connects
    per_attempt,  ///< one for each attempt
    pool,         ///< a fixed number
    runtime,      ///< of a program: its runtime decides how many
    processes     ///< a child process for each attempt
  };
  enum class DeadlineBy : uint8_t {
    kernel,         ///< only the kernel's own limit on retransmissions
    socket_option,  ///< SO_SNDTIMEO, TCP_USER_TIMEOUT, TCP_SYNCNT
    wait,           ///< the timeout of select, poll, epoll or io_uring_enter
    timer,          ///< a timerfd
    signal,         ///< a timer's signal that interrupts connect()
    linked_request  ///< io_uring's linked timeout
  };

  bool opens_sockets = true;         ///< false only for `null…`, which report connected whatever the target
  bool completes_in_submit = false;  ///< submit() takes one attempt per call and runs it to its end
  Threads threads = Threads::none;
  DeadlineBy deadline_by = DeadlineBy::wait;
  Duration granularity{};   ///< the smallest step to which deadlines are rounded up: a jiffy for SO_SNDTIMEO
  Duration floor{};         ///< no shorter deadline can be kept
  Duration early{};         ///< a library with a coarse clock may end a deadline this much too early, and earlier still
                            ///< when the machine's tick is late. Ours are never early (socket_option: by the tick)
  bool cancellable = true;  ///< cancel_all() ends an attempt that gets no answer
  size_t max_in_flight = 0;         ///< the limit of the mechanism (FD_SETSIZE); 0 = it has none
  size_t pool_threads = 0;          ///< threads of a pool, when at least as many attempts are in flight
  bool uses_all_endpoints = false;  ///< may try all endpoints of an attempt; other connectors try the first only

  bool has_deadline() const noexcept { return deadline_by != DeadlineBy::kernel; }
  bool operator==(const Capabilities&) const = default;
};

std::string_view to_string(Capabilities::Threads threads) noexcept;
std::string_view to_string(Capabilities::DeadlineBy deadline_by) noexcept;

/// A way of opening connections. Made, used and destroyed by one thread.
///
/// Every accepted id completes exactly once, through reap(). Attempts never throw: a failure is the attempt's outcome.
/// The constructor throws std::system_error, which names the call that failed.
class Connector {
 public:
  Connector() = default;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  /// Cancels what is in flight, drops its completions, joins its threads, closes its descriptors.
  virtual ~Connector() = default;

  virtual Capabilities capabilities() const = 0;

  /// Takes a prefix of `attempts` and returns its length. Shorter than offered means full: reap first. A connector that
  /// `completes_in_submit` takes one attempt and blocks; any other returns without waiting for an outcome.
  virtual size_t submit(std::span<const Attempt> attempts) = 0;

  /// Appends completions and returns how many. Waits for the first one until `wait_until` at most; a time in the past
  /// means not to wait. Returns at once when nothing is in flight. May return 0 at any time.
  virtual size_t reap(std::vector<Completion>& completions, TimePoint wait_until) = 0;

  /// Gives up everything in flight. Each attempt still completes through reap(), as `cancelled` or `never_started`
  /// unless it had already ended. Submit nothing afterwards.
  virtual void cancel_all() = 0;

  /// How many attempts were accepted and not yet reaped.
  virtual size_t in_flight() const = 0;
};

}  // namespace connbench
