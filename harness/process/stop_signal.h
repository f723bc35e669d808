// Ctrl-C and the like as a state to be polled, instead of an interruption.
#pragma once

#include <signal.h>

#include <vector>

#include "harness/support/unique_fd.h"

namespace connbench {

/// The signals that ask a run to stop: SIGINT, SIGTERM and SIGHUP, but none that this process ignores. A process
/// started with nohup, or in the background of a script, must not be ended by that signal.
std::vector<int> stop_signals();

/// While this object lives, stop_signals() are blocked, in this process and in children that it forks; the object
/// reports them. Make it while the process has one thread.
class StopSignal {
 public:
  /// @throws std::system_error
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Readable when a signal has come.
  int fd() const noexcept { return fd_.get(); }
  /// The first signal that came; 0 = none so far.
  int pending() noexcept;
  /// From now on signals do again what they did before: for the last output, whose reader may not read.
  void release() noexcept;

 private:
  sigset_t before_;
  UniqueFd fd_;
  int signal_ = 0;
  bool released_ = false;
};

}  // namespace connbench
