// Notices that the run was suspended: by SIGSTOP or Ctrl-Z, or with the whole machine. Every time that was measured
// then includes the pause.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <vector>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// For how long something was suspended.
struct Suspension {
  Duration stopped{};  ///< this process or a child of it, by a signal. CLOCK_MONOTONIC goes on meanwhile
  Duration asleep{};   ///< the machine. CLOCK_MONOTONIC stands still meanwhile
  explicit operator bool() const noexcept { return stopped > Duration::zero() || asleep > Duration::zero(); }
};

/// Sees this process and its children. A long gap alone proves nothing, because a busy machine makes gaps too: there
/// has to be a SIGCONT, or a child that was stopped.
class SuspensionWatch {
 public:
  /// SIGCONT is blocked while this object lives; it continues the process all the same. Make it while the process has
  /// one thread. @throws std::system_error
  SuspensionWatch();
  ~SuspensionWatch();
  SuspensionWatch(const SuspensionWatch&) = delete;
  SuspensionWatch& operator=(const SuspensionWatch&) = delete;

  /// Call it every few milliseconds: a pause is known to within the time between two calls.
  void look() noexcept;
  /// What was seen since the last call.
  Suspension take() noexcept;
  /// For how long signals have stopped something, since this object was made.
  Duration stopped() const noexcept { return stopped_; }

 private:
  bool own_pause_ended() noexcept;
  bool look_at_children() noexcept;

  sigset_t before_;
  UniqueFd continued_{-1};
  std::vector<pid_t> stopped_children_;
  TimePoint last_look_ = now();
  Duration asleep_before_{};  // of the machine, since it was started
  Duration stopped_{};
  Suspension seen_;
};

}  // namespace connbench
