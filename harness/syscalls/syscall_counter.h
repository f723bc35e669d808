// Counts the system calls of a process by name, in an untimed repetition that serves only this purpose.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

struct SyscallCount {
  std::string name;  ///< "socket", "epoll_wait", …; "other" = calls that the counter does not distinguish
  uint64_t calls;
};

/// Make it in the process to be counted, or in its parent, while that process has one thread. Threads created later are
/// counted too.
class SyscallCounter {
 public:
  virtual ~SyscallCounter() = default;
  /// @throws std::system_error
  virtual void start() = 0;
  /// The calls since start(), sorted by name, without the counter's own.
  virtual std::vector<SyscallCount> stop() = 0;
};

/// How system calls can be counted here: "tracepoint", "strace", or "" with reason and remedy in `why_not`.
struct SyscallCounting {
  std::string_view method;
  std::string why_not;
};
/// Tries it out and leaves nothing behind. `without_capabilities`: for a child that has dropped its capabilities.
SyscallCounting probe_syscall_counting(bool without_capabilities = false);

/// The counter for `method`, as probe_syscall_counting() gave it; nullptr for "".
/// @param child of this process, which is to be counted in its place; 0 = this process
/// @throws std::system_error
std::unique_ptr<SyscallCounter> make_syscall_counter(std::string_view method, pid_t child = 0);

}  // namespace connbench
