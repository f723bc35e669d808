// Counts the system calls of this process by name, for the untimed repetition that exists for nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

struct SyscallCount {
  std::string name;  ///< "socket", "epoll_wait", …; "other" for what the counter does not tell apart
  uint64_t calls;
};

/// Made in the process that is to be counted, while it has one thread; threads created later are counted too.
class SyscallCounter {
 public:
  virtual ~SyscallCounter() = default;
  /// @throws std::system_error
  virtual void start() = 0;
  /// The calls since start(), names sorted; without the counter's own.
  virtual std::vector<SyscallCount> stop() = 0;
};

/// How system calls can be counted here: "tracepoint", "strace", or "" with the reason and remedy in `why_not`.
struct SyscallCounting {
  std::string_view method;
  std::string why_not;
};
/// Asks the kernel; leaves nothing behind. `without_capabilities`: as a child that has given them up would be answered.
SyscallCounting probe_syscall_counting(bool without_capabilities = false);

/// The counter for `method`, as probe_syscall_counting() gave it; nullptr for "". @throws std::system_error
std::unique_ptr<SyscallCounter> make_syscall_counter(std::string_view method);

}  // namespace connbench
