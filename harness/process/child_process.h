// A child that does not outlive its owner.
#pragma once

#include <sys/types.h>

#include <string>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// A descriptor that is readable once the process has ended. @throws std::system_error (pidfd_open)
UniqueFd pidfd_of(pid_t pid);

/// Whether a child has ended. It still has to be waited for.
bool has_ended(pid_t child) noexcept;

/// One child that fork() has just made: killed, if it has not been collected, and waited for.
class ChildProcess {
 public:
  /// @throws std::system_error (pidfd_open); the child has ended then
  explicit ChildProcess(pid_t pid);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// Waits for its end, at most so long.
  bool ended_within(Duration interval) const noexcept;
  void kill() const noexcept;
  /// Waits for its end, however long. @return its status, as of waitpid()
  int collect() noexcept;

 private:
  struct Adopted {};
  ChildProcess(pid_t pid, Adopted) noexcept : pid_(pid) {}

  pid_t pid_;
  UniqueFd pidfd_{-1};
  bool collected_ = false;
};

/// "killed by signal 11 (Segmentation fault)", "ended with status 1".
std::string how_it_ended(int status);

}  // namespace connbench
