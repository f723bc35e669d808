// Tells whether work can go on: no signal asked for an end, and every process that the work needs is alive.
#pragma once

#include <poll.h>

#include <string>
#include <vector>

#include "harness/process/stop_signal.h"
#include "harness/support/unique_fd.h"

namespace connbench {

class ProcessWatch {
 public:
  /// `stop` must outlive this object.
  explicit ProcessWatch(const StopSignal& stop) : watched_{pollfd{stop.fd(), POLLIN, 0}} {}

  /// Adds a process without which no result can be trusted. @throws std::system_error (pidfd_open)
  void watch(pid_t pid, std::string name);
  /// True once a signal has come or a watched process has died.
  bool should_stop();
  /// The names of the processes that have died, separated by ", "; "" = all are alive.
  std::string died();

 private:
  std::vector<UniqueFd> pidfds_;
  std::vector<std::string> names_;
  std::vector<pollfd> watched_;  // the signal, then a pidfd for each name
};

}  // namespace connbench
