// Whether work can go on: nobody asked for an end, and everybody whom it needs is alive.
#pragma once

#include <poll.h>

#include <string>
#include <vector>

#include "harness/process/stop_signal.h"

namespace connbench {

class ProcessWatch {
 public:
  /// The signal outlives it.
  explicit ProcessWatch(const StopSignal& stop) : watched_{pollfd{stop.fd(), POLLIN, 0}} {}

  /// Without this process nothing can be believed. @throws std::system_error (pidfd_open)
  void watch(pid_t pid, std::string name);
  /// A signal came, or somebody died.
  bool should_stop();
  /// Who has died, "" = nobody.
  std::string died();

 private:
  std::vector<UniqueFd> pidfds_;
  std::vector<std::string> names_;
  std::vector<pollfd> watched_;  // the signal, then who has a pidfd
};

}  // namespace connbench
