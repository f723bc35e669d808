// The drive loop, the only one in the program: offers attempts to a connector, takes completions, writes samples.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

#include "harness/connector/connector.h"
#include "harness/wave/pacing.h"
#include "harness/wave/sample.h"

namespace connbench {

/// A spinning loop stops sleeping this long before an attempt is due: several times the oversleep of a 1 ms sleep on a
/// shared virtual machine (p99 0.2–0.7 ms).
inline constexpr Duration spin_stretch = std::chrono::milliseconds(1);

/// What a wave and each of its shards are given alike.
struct Load {
  std::span<const Endpoint> endpoints;  ///< at least those of one attempt
  size_t endpoints_per_attempt = 1;     ///< attempt i gets k of them, from i·k mod n; n is a multiple of k
  std::span<const std::span<const Endpoint>> routes{};  ///< the endpoints of each attempt; empty = `endpoints` in turn
  Duration limit{};                                     ///< of the whole wave; then cancel_all()
  Duration gap{};                                       ///< in closed loop: at least this from one attempt to the next
  Duration lasts{};   ///< no attempt is offered after this time, and the rest is left alone; zero = all are offered
  bool spin = false;  ///< in open loop: no sleep within spin_stretch before an attempt is due
};

/// One run of the drive loop.
struct Drive {
  Load load{};
  size_t concurrency = 1;                   ///< bound on the attempts in flight
  Duration timeout{};                       ///< of each attempt
  Pacing* pacing = nullptr;                 ///< when attempts are due
  TimePoint begin{};                        ///< of the wave, when this is one shard of several; TimePoint{} = now
  const std::atomic<bool>* stop = nullptr;  ///< set from outside: end now, and leave alone what was never offered
  TimePoint (*clock)() = &now;              ///< replaced in tests
  void (*sleep)(TimePoint) = &sleep_until;  ///< replaced in tests
};

/// Makes samples.size() attempts and returns when each of them is accounted for. Allocates nothing per attempt. An
/// attempt that had not started when the wave ended is `never_started`; if `stop` ended it, or if Load::lasts is given,
/// samples of attempts that were never offered are left as they were.
void drive(Connector& connector, const Drive& drive, std::span<Sample> samples);

}  // namespace connbench
