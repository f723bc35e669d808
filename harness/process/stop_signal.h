// Ctrl-C and its like, as something that can be asked for instead of something that interrupts.
#pragma once

#include <signal.h>

#include "harness/support/unique_fd.h"

namespace connbench {

/// While it lives, SIGINT, SIGTERM and SIGHUP are kept for asking, here and in children made meanwhile. To be made
/// while the process has one thread.
class StopSignal {
 public:
  /// @throws std::system_error
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Readable when a signal has come.
  int fd() const noexcept { return fd_.get(); }
  /// The first signal that came, 0 = none so far.
  int pending() noexcept;

 private:
  sigset_t before_;
  UniqueFd fd_;
  int signal_ = 0;
};

}  // namespace connbench
