// What remains to be done when this process has died, however it died.
#pragma once

#include <sys/types.h>

#include <functional>

namespace connbench {

/// A process of its own, in a session of its own, that waits until the owner has died. For what must not stay behind,
/// such as a cgroup or a sysctl: a destructor does not run in a process that is killed.
class AfterDeath {
 public:
  /// Returns once a signal to the owner's process group does not reach the other process any more.
  /// @param act what that process does, once the owner has died
  /// @throws std::system_error
  explicit AfterDeath(const std::function<void()>& act);
  /// Ends the other process, which then does nothing. Does nothing itself in a fork of the owner.
  ~AfterDeath();
  AfterDeath(const AfterDeath&) = delete;
  AfterDeath& operator=(const AfterDeath&) = delete;

 private:
  pid_t owner_;
  pid_t pid_ = -1;
};

}  // namespace connbench
