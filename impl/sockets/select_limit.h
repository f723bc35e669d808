// What FD_SETSIZE means for connectors that use select().
#pragma once

#include <errno.h>
#include <fmt/format.h>
#include <sys/select.h>

#include <cstddef>
#include <optional>
#include <string>

#include "harness/support/clock.h"

namespace connbench {

/// An fd_set holds descriptors below FD_SETSIZE, and the rest of the program needs a few of them.
inline constexpr size_t select_max_in_flight = FD_SETSIZE - 24;

/// The errno reported for a descriptor that does not fit into an fd_set, where setting its bit would overrun the set.
/// select() has no errno for it; it means that the usable descriptors have run out, whatever RLIMIT_NOFILE allows.
inline constexpr int fd_setsize_error = EMFILE;

/// Why select() cannot serve `at_once` descriptors at one time; nullopt when it can.
inline std::optional<std::string> probe_select(size_t at_once) {
  if (at_once <= select_max_in_flight) return std::nullopt;
  return fmt::format("select() only handles descriptors below FD_SETSIZE ({}): at most {} in flight, not {}",
                     FD_SETSIZE, select_max_in_flight, at_once);
}

/// `d` for select(), rounded up so that select() never returns too early; negative becomes zero.
inline timeval select_timeout(Duration d) noexcept {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(d).count();
  if (us <= 0) return {};
  return {.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
}

}  // namespace connbench
