// Measures what a process holds: this one, even when it cannot open any more files, or another one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "harness/exhaust/ramp.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// Keeps its /proc files open. Without an argument, create it in the process to be measured: /proc/self is resolved
/// when a file is opened.
class Meter {
 public:
  static constexpr size_t descriptors = 3;

  /// @throws std::system_error that names the file
  Meter();
  /// Of another process, by its number in /proc. @throws std::system_error that names the file
  explicit Meter(pid_t process);
  /// Returns not_known for what cannot be read. Allocates nothing and opens nothing: the number of descriptors comes
  /// from stat(); before Linux 6.2 counting them takes a descriptor, and without one it is not_known.
  Holding read() const noexcept;

 private:
  Meter(pid_t process, const std::string& folder);

  pid_t process_;
  UniqueFd stat_;
  UniqueFd statm_;
  UniqueFd meminfo_;
};

/// The size of this process's address space in bytes; 0 when the kernel does not report it.
uint64_t address_space();

}  // namespace connbench
