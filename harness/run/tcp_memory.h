// Raises net.ipv4.tcp_mem for the time of a run. It is a limit of the whole machine, so the user must ask for it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "harness/process/after_death.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// Thrown when the limit cannot be raised; the reason says what to do.
struct CannotRaise {
  std::string reason;
};

/// While it lives, TCP may use as much memory as so many pending attempts take, beside what it uses already. When the
/// limit allows that anyway, nothing is changed. The old value comes back with the destructor, or when this process
/// dies, however it dies; unless somebody else has changed it meanwhile.
class TcpMemory {
 public:
  /// Call it in the initial network namespace, while this process has one thread.
  /// @throws CannotRaise
  explicit TcpMemory(size_t pending);
  ~TcpMemory();
  TcpMemory(const TcpMemory&) = delete;
  TcpMemory& operator=(const TcpMemory&) = delete;

  bool is_raised() const noexcept { return !raised_.empty(); }
  /// "net.ipv4.tcp_mem is '…' during this run, instead of '…'".
  std::string describe() const;

 private:
  std::string before_;
  std::string raised_;                   // "" = it was enough
  UniqueFd lock_{-1};                    // one run at a time: otherwise the last to end would restore a raised value
  std::unique_ptr<AfterDeath> restore_;  // for the case that this process does not come to its destructor
};

}  // namespace connbench
