// Formats what the kernel returns in the terms of its manual pages.
#pragma once

#include <errno.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/support/clock.h"

namespace connbench::probe {

/// The result of a system call with its errno: `const Returned connected = returned(connect(...));`
struct Returned {
  long value;
  int error;  ///< 0 = it succeeded
};
inline Returned returned(long value) noexcept {
  return {value, value < 0 ? errno : 0};
}
/// "0", "17", "-1 ECONNREFUSED".
std::string to_string(const Returned& returned);

/// "ECONNREFUSED"; "0" for no error.
std::string error_name(int error);
/// Event bits of poll() or epoll: "IN OUT RDHUP"; "-" for none.
std::string ready_bits(uint32_t events);
/// The value of SO_ERROR, which is thereby consumed. @throws std::system_error when getsockopt() fails
int so_error(int fd);
/// A summary of durations: "median 1.2 ms, longest 3 ms of 20".
std::string spread(std::vector<Duration> durations);

}  // namespace connbench::probe

template <>
struct fmt::formatter<connbench::probe::Returned> : fmt::formatter<std::string> {
  auto format(const connbench::probe::Returned& returned, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(to_string(returned), context);
  }
};
