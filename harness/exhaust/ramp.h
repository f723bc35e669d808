// The ramp: more and more attempts at hosts that never answer, until something runs out; then what is left of healthy
// work, and how long it takes to come back. A loop of its own, since it is not a wave: it has no fixed end, and asks
// what the process holds while it goes on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>

#include "harness/connector/connector.h"

namespace connbench {

/// What is not known, or does not exist.
inline constexpr int64_t not_known = -1;

/// What a process holds at one moment.
struct Holding {
  int64_t threads = not_known;
  int64_t fds = not_known;
  int64_t rss_kib = not_known;
  int64_t kernel_kib = not_known;  ///< slab, kernel stacks and page tables of the whole machine: differences count
};

/// The most steps that a ramp may have: the memory shared with its child has room for no more.
inline constexpr size_t most_steps = 4'000;

/// One reading while the ramp goes on. Plain data: it crosses a process border.
struct RampStep {
  int64_t elapsed_ns = 0;  ///< since the first dead attempt was offered
  uint64_t pending = 0;
  Holding holding{};
  int64_t start_p50_ns = not_known;  ///< of the attempts since the step before
  int64_t start_p99_ns = not_known;
};

enum class Stopped : uint8_t {
  nothing,      ///< as many were started as were asked for
  exhausted,    ///< an attempt ended as `exhausted`
  full,         ///< the connector takes no more: a limit of its own
  threw,        ///< making the connector, or the connector itself, threw
  out_of_time,  ///< the ramp's own limit
  asked,        ///< from outside
};

struct RampEnd {
  Stopped stopped = Stopped::nothing;
  char call[96]{};   ///< what failed: "pthread_create", "socket", …; "" unless exhausted or threw
  int os_error = 0;  ///< its errno; 0 = none
  uint64_t most_pending = 0;
  uint64_t ended_otherwise = 0;             ///< dead attempts that ended neither by their deadline nor as `exhausted`
  Outcome otherwise = Outcome::unexpected;  ///< how the first of them did

  /// Of healthy attempts one after the other, from the offer to the end of those that connected: before the ramp, and
  /// while the dead ones are pending.
  int64_t unloaded_p50_ns = not_known;
  int64_t unloaded_p99_ns = not_known;
  int64_t healthy_p50_ns = not_known;
  int64_t healthy_p99_ns = not_known;
  uint64_t healthy_tried = 0;  ///< beside the dead ones
  uint64_t healthy_connected = 0;

  /// Until a healthy attempt got through: from when the ramp stopped, with the dead ones still pending; and from when
  /// they were let go.
  int64_t recovery_pending_ns = not_known;
  int64_t recovery_released_ns = not_known;
  bool by_deadline = false;  ///< how they were let go; otherwise by cancel_all(), and the connector was made anew
};

/// What a ramp does.
struct RampPlan {
  std::function<std::unique_ptr<Connector>()> make;  ///< may throw: that is a finding
  std::span<const Endpoint> dead;                    ///< attempts are spread over them
  std::span<const Endpoint> healthy;
  size_t most = 1;              ///< dead attempts to start, unless something stops it
  size_t per_table = SIZE_MAX;  ///< of them in one descriptor table; the others have tables of their own (ballast.h)
  size_t step = 1;              ///< attempts between two readings
  size_t healthy_attempts = 1;  ///< before, and beside the dead ones
  Duration timeout{};           ///< of the dead attempts
  Duration lasts{};             ///< how long a dead attempt is held at least, by the connector's own floor
  bool by_deadline = false;     ///< wait for the deadlines of the dead ones; otherwise they are cancelled
  Duration limit = std::chrono::seconds(30);  ///< of the climb
  std::function<Holding()> measure;
  std::function<void(const RampStep&)> on_step;  ///< must not allocate: nothing may be left
  const std::atomic<bool>* stop = nullptr;       ///< set from outside: end soon
  TimePoint (*clock)() = &now;                   ///< replaced in tests
  void (*sleep)(TimePoint) = &sleep_until;       ///< so is this
};

/// Runs it to its end, which it writes into `end` as far as it comes. The last step is the reading when the ramp
/// stopped. Whatever throws is an end of the kind `threw`; the connector is then not touched again, nor destroyed.
void ramp(const RampPlan& plan, RampEnd& end);

}  // namespace connbench
