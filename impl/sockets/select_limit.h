// What FD_SETSIZE means for a strategy that uses select().
#pragma once

#include <errno.h>
#include <fmt/format.h>
#include <sys/select.h>

#include <optional>
#include <string>

#include "harness/support/clock.h"

namespace connbench {

/// An fd_set holds descriptors below FD_SETSIZE; the program around the connector needs a few of them itself.
inline constexpr size_t select_max_in_flight = FD_SETSIZE - 24;

/// A descriptor that no fd_set can hold is one too many, whatever RLIMIT_NOFILE allows: setting its bit would overrun
/// the set. select() has no errno for it, so it is reported as what it is: the descriptors have run out.
inline constexpr int fd_setsize_error = EMFILE;

/// Why a strategy that has `at_once` descriptors open at one time cannot keep to it; nullopt when it can.
inline std::optional<std::string> probe_select(size_t at_once) {
  if (at_once <= select_max_in_flight) return std::nullopt;
  return fmt::format("select() holds descriptors below FD_SETSIZE ({}): at most {} in flight, {} asked", FD_SETSIZE,
                     select_max_in_flight, at_once);
}

/// `d` for select(), rounded up so that it never returns before its time; negative becomes zero.
inline timeval select_timeout(Duration d) noexcept {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(d).count();
  if (us <= 0) return {};
  return {.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
}

}  // namespace connbench
