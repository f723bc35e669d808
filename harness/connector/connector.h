// The one interface: how the runner speaks to a way of connecting. impl/README.md is its guide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/outcome.h"
#include "harness/support/clock.h"

namespace connbench {

/// One connection that is wanted.
struct Attempt {
  uint64_t id;  ///< unique among the attempts in flight
  std::span<const Endpoint>
      endpoints;        ///< at least one; outlives the attempt. Only racing connectors use more than one
  TimePoint scheduled;  ///< when the load wanted it to begin
  Duration timeout;     ///< counted from `Completion::started`; connectors without a deadline ignore it
};

/// The kernel's own view of a handshake (TCP_INFO), read when the policy asks for it.
struct Handshake {
  bool known = false;           ///< false: not asked for, or not a TCP socket
  uint8_t syn_retransmits = 0;  ///< tcpi_total_retrans: before data is sent, that is the SYN's
  Duration round_trip{};        ///< tcpi_rtt; covers the last exchange only once a SYN was retransmitted
};

/// How an attempt ended.
struct Completion {
  uint64_t id = 0;
  ConnectResult result{};
  TimePoint started{};   ///< just before the attempt's first system call; TimePoint{} when it never made one
  TimePoint finished{};  ///< when the strategy itself knew the outcome
  Handshake handshake{};
};

/// What a connector says of itself. The conformance suite holds it against what the connector does.
struct Capabilities {
  enum class Threads : uint8_t { none, per_attempt, pool };
  enum class DeadlineBy : uint8_t {
    kernel,         ///< nobody but the kernel's own retransmission limit
    socket_option,  ///< SO_SNDTIMEO, TCP_USER_TIMEOUT, TCP_SYNCNT
    wait,           ///< the timeout of select, poll, epoll or io_uring_enter
    timer,          ///< a timerfd
    signal,         ///< a timer's signal, which interrupts connect()
    linked_request  ///< io_uring's linked timeout
  };

  bool opens_sockets = true;         ///< false only for the one that pretends: it says connected whatever the target
  bool completes_in_submit = false;  ///< submit() runs one attempt to its end; it takes one attempt per call
  Threads threads = Threads::none;
  DeadlineBy deadline_by = DeadlineBy::wait;
  Duration granularity{};    ///< the (smallest) step to which its deadlines are rounded up: a jiffy for SO_SNDTIMEO
  Duration floor{};          ///< no shorter deadline can be kept
  Duration early{};          ///< a deadline may pass by so much too soon, and by as much more as the machine's tick is
                             ///< late: a library's coarse clock. Ours never do (socket_option: by the tick)
  bool cancellable = true;   ///< cancel_all() ends an attempt that no packet answers
  size_t max_in_flight = 0;  ///< a limit of the mechanism (FD_SETSIZE); 0 = none of its own
  size_t pool_threads = 0;   ///< of a pool: how many there are when as many attempts are in flight
  bool uses_all_endpoints = false;  ///< tries what comes after an attempt's first endpoint too; the others never do

  bool has_deadline() const noexcept { return deadline_by != DeadlineBy::kernel; }
  bool operator==(const Capabilities&) const = default;
};

std::string_view to_string(Capabilities::Threads threads) noexcept;
std::string_view to_string(Capabilities::DeadlineBy deadline_by) noexcept;

/// A way of opening connections. Made, used and destroyed by one thread.
///
/// Every accepted id completes exactly once, through reap(). Attempts never throw: what goes wrong with one is its
/// outcome. Set-up (the constructor) throws std::system_error with the call's name.
class Connector {
 public:
  Connector() = default;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  /// Cancels what is in flight, drops its completions, joins its threads, closes its descriptors.
  virtual ~Connector() = default;

  virtual Capabilities capabilities() const = 0;

  /// Takes a prefix of `attempts` and returns its length; shorter than offered means full: reap first. A connector that
  /// `completes_in_submit` blocks here and takes one; any other returns without waiting for an outcome.
  virtual size_t submit(std::span<const Attempt> attempts) = 0;

  /// Appends completions and returns how many. Waits for the first of them at most until `wait_until` (a past time:
  /// takes what is there); returns at once when nothing is in flight. 0 is allowed at any time.
  virtual size_t reap(std::vector<Completion>& completions, TimePoint wait_until) = 0;

  /// Gives up everything in flight; each attempt still completes through reap(), as `cancelled` or `never_started`
  /// unless it had already ended. Nothing may be submitted afterwards.
  virtual void cancel_all() = 0;

  /// Accepted and not yet reaped.
  virtual size_t in_flight() const = 0;
};

}  // namespace connbench
