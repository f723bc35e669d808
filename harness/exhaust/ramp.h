// The ramp: starts more and more attempts at hosts that never answer, until a resource runs out. Then it measures what
// still works for healthy attempts and how long recovery takes. It has its own loop because it is not a wave: it has no
// fixed end and measures the process's resources as it goes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "harness/connector/connector.h"

namespace connbench {

/// Marks values that are unknown or do not exist.
inline constexpr int64_t not_known = -1;

/// What a process holds at one moment.
struct Holding {
  int64_t threads = not_known;
  int64_t fds = not_known;
  int64_t rss_kib = not_known;
  int64_t kernel_kib =
      not_known;  ///< slab, kernel stacks and page tables of the whole machine: only differences are meaningful
};

/// The most steps that a ramp may have: the memory shared with its child has room for no more.
inline constexpr size_t most_steps = 4'000;

/// One measurement during the ramp. Plain data, because it is shared between processes.
struct RampStep {
  int64_t elapsed_ns = 0;  ///< since the first dead attempt was offered
  uint64_t pending = 0;
  Holding holding{};
  int64_t start_p50_ns = not_known;  ///< of the attempts since the previous step
  int64_t start_p99_ns = not_known;
};

enum class Stopped : uint8_t {
  nothing,      ///< every requested attempt was started
  exhausted,    ///< an attempt ended as `exhausted`
  full,         ///< the connector accepts no more: its own limit
  threw,        ///< the connector or its constructor threw
  out_of_time,  ///< the ramp reached its time limit
  asked,        ///< stopped on request
};

struct RampEnd {
  Stopped stopped = Stopped::nothing;
  char call[96]{};   ///< the call that failed: "pthread_create", "socket", …; "" unless exhausted or threw
  int os_error = 0;  ///< its errno; 0 = none
  uint64_t most_pending = 0;
  uint64_t ended_otherwise = 0;             ///< dead attempts that ended neither by their deadline nor as `exhausted`
  Outcome otherwise = Outcome::unexpected;  ///< outcome of the first of those

  /// Latency of healthy attempts made one after the other, from the offer to the completion of those that connected:
  /// before the ramp, and while the dead attempts are pending.
  int64_t unloaded_p50_ns = not_known;
  int64_t unloaded_p99_ns = not_known;
  int64_t healthy_p50_ns = not_known;
  int64_t healthy_p99_ns = not_known;
  uint64_t healthy_tried = 0;  ///< while the dead attempts are pending
  uint64_t healthy_connected = 0;

  /// Time until a healthy attempt connected: since the ramp stopped, with the dead attempts still pending; and since
  /// they were released.
  int64_t recovery_pending_ns = not_known;
  int64_t recovery_released_ns = not_known;
  int64_t recovery_limit_ns = 10'000'000'000;  ///< how long a healthy attempt had for that, since they were released
  bool by_deadline = false;  ///< they were released by their deadlines; otherwise by cancel_all(), after which the
                             ///< connector was created anew
};

/// The parameters of a ramp.
struct RampPlan {
  std::function<std::unique_ptr<Connector>()> make;  ///< may throw: that is a result
  std::span<const Endpoint> dead;                    ///< attempts are spread over these
  std::span<const Endpoint> healthy;
  size_t most = 1;  ///< number of dead attempts to start, unless something stops the ramp
  size_t per_table =
      SIZE_MAX;     ///< how many of them share one descriptor table; the rest get tables of their own (ballast.h)
  size_t step = 1;  ///< attempts between two measurements
  size_t healthy_attempts = 1;  ///< number of healthy attempts, before the ramp and while the dead ones are pending
  Duration timeout{};           ///< of the dead attempts
  Duration lasts{};             ///< how long a dead attempt is held at least, given the connector's minimum timeout
  bool by_deadline = false;     ///< wait for the deadlines of the dead attempts; otherwise cancel them
  Duration limit = std::chrono::seconds(30);  ///< time limit for starting the dead attempts
  std::function<Holding()> measure;
  std::function<void(const RampStep&)> on_step;  ///< must not allocate: no memory may be left
  const std::atomic<bool>* stop = nullptr;       ///< set by the caller to end the ramp soon
  TimePoint (*clock)() = &now;                   ///< replaced in tests
  void (*sleep)(TimePoint) = &sleep_until;       ///< replaced in tests
};

/// The name of the call behind a stage, for RampEnd::call; "" for Stage::none.
std::string_view call_of(Stage stage, const Capabilities& capabilities) noexcept;

/// Runs the ramp and writes its result into `end` as it goes. The last step is the measurement taken when the ramp
/// stopped. Exceptions end the ramp as `threw`; the connector is then neither used again nor destroyed.
void ramp(const RampPlan& plan, RampEnd& end);

}  // namespace connbench
