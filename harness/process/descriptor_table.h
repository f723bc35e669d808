// Room for descriptors before they are needed.
#pragma once

#include <cstddef>

namespace connbench {

/// Descriptors of a table that no attempt uses: the standard ones, an epoll, a ring, those of a library.
inline constexpr size_t descriptors_of_the_harness = 64;

/// Grows this thread's descriptor table at once, as far as RLIMIT_NOFILE lets it. Beside a second thread that shares
/// the table the kernel waits for a grace period, 5–15 ms a doubling: to be called while one thread has it.
void grow_descriptor_table(size_t descriptors) noexcept;

}  // namespace connbench
