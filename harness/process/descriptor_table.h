// Room for descriptors before they are needed.
#pragma once

#include <cstddef>

namespace connbench {

/// Descriptors of a table that belong to no attempt: the standard ones, an epoll, a ring, those of a library.
inline constexpr size_t descriptors_of_the_harness = 64;

/// Grows this thread's descriptor table to `descriptors` at once, or as far as RLIMIT_NOFILE allows. Call it before a
/// second thread shares the table: from then on the kernel waits for a grace period at each doubling, 5–15 ms.
void grow_descriptor_table(size_t descriptors) noexcept;

/// Closes the descriptors from `first` to `last`, both included. Works where close_range() is missing (before
/// Linux 5.9) or refused.
void close_descriptors(unsigned first, unsigned last);

/// Closes what this program's parent left open, apart from the standard descriptors. They are recognised by having
/// survived exec: all descriptors of our own are closed on exec.
void close_inherited_descriptors() noexcept;

}  // namespace connbench
