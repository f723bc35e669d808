// The drive loop: the only one there is. Offers attempts to a connector, takes completions, writes samples.
#pragma once

#include <atomic>
#include <span>

#include "harness/connector/connector.h"
#include "harness/wave/pacing.h"
#include "harness/wave/sample.h"

namespace connbench {

/// How long before an attempt is due a spinning loop stops sleeping: several times what a sleep of a millisecond was
/// late on a shared virtual machine (p99 0.2–0.7 ms).
inline constexpr Duration spin_stretch = std::chrono::milliseconds(1);

/// What one wave does.
struct Drive {
  std::span<const Endpoint> endpoints;  ///< at least one attempt's
  size_t endpoints_per_attempt = 1;     ///< attempt i is given k of them, from i·k mod n; n is a multiple of k
  std::span<const std::span<const Endpoint>> routes{};  ///< where each attempt goes, when not over `endpoints` in turn
  size_t concurrency = 1;                               ///< bound on the attempts in flight
  Duration timeout{};                                   ///< of each attempt
  Duration limit{};                                     ///< of the whole wave; then cancel_all()
  Pacing* pacing = nullptr;                             ///< when attempts are due
  Duration gap{};                                       ///< in closed loop: at least this from one attempt to the next
  bool spin = false;  ///< in open loop: does not sleep within spin_stretch before an attempt is due
  TimePoint begin{};  ///< of the wave, when it is one of several; TimePoint{} = now
  const std::atomic<bool>* stop = nullptr;  ///< set from outside: end the wave as if its limit had passed
  TimePoint (*clock)() = &now;              ///< replaced in tests
  void (*sleep)(TimePoint) = &sleep_until;  ///< so is this
};

/// Runs one wave of samples.size() attempts and returns when each of them is accounted for. Allocates nothing per
/// attempt. What the wave's end prevented from starting is `never_started`.
void drive(Connector& connector, const Drive& drive, std::span<Sample> samples);

}  // namespace connbench
