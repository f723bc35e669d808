// Reads what this process holds, also when it can open nothing any more.
#pragma once

#include "harness/exhaust/ramp.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// Keeps its files of /proc open. To be made where it is used: /proc/self is decided when it is opened.
class Meter {
 public:
  static constexpr size_t descriptors = 3;

  /// @throws std::system_error that names the file
  Meter();
  /// What cannot be read is not_known. Allocates nothing and opens nothing (the number of descriptors comes from
  /// stat(); before Linux 6.2 it needs one, and is not known without).
  Holding read() const noexcept;

 private:
  UniqueFd stat_;
  UniqueFd statm_;
  UniqueFd meminfo_;
};

/// The address space that this process has, in bytes; 0 when the kernel does not say.
uint64_t address_space();

}  // namespace connbench
