// A child process that does not outlive its owner.
#pragma once

#include <sys/types.h>

#include <string>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// A descriptor that becomes readable when the process ends. @throws std::system_error (pidfd_open)
UniqueFd pidfd_of(pid_t pid);

/// The first thing to do in a forked child: the kernel kills it when `parent` dies. If `parent` has died already, the
/// child ends here.
void die_with_parent(pid_t parent) noexcept;

/// Whether a child has ended. It still has to be waited for.
bool has_ended(pid_t child) noexcept;

/// Owns a child that fork() has just made. The destructor kills it and waits for it, unless it was collected.
class ChildProcess {
 public:
  /// @throws std::system_error (pidfd_open); the child has been killed by then
  explicit ChildProcess(pid_t pid);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// Waits until the child has ended, but no longer than `interval`.
  bool ended_within(Duration interval) const noexcept;
  void kill() const noexcept;
  /// Waits without limit until the child has ended. @return as wait_for_child()
  int collect() noexcept;

 private:
  struct Adopted {};
  ChildProcess(pid_t pid, Adopted) noexcept : pid_(pid) {}

  pid_t pid_;
  UniqueFd pidfd_{-1};
  bool collected_ = false;
};

/// How a child ended, when somebody else has waited for it: the kernel, where SIGCHLD is ignored, or a library.
inline constexpr int unknown_status = -1;

/// Waits until a child of this process has ended. @return its status, as waitpid() gives it, or unknown_status
int wait_for_child(pid_t pid) noexcept;

/// "killed by signal 11 (Segmentation fault)", "ended with status 1", "ended in an unknown way".
std::string how_it_ended(int status);

}  // namespace connbench
