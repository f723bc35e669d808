#include "probe/words.h"

#include <fmt/ranges.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>

#include "harness/support/kernel_names.h"
#include "harness/support/unique_fd.h"
#include "harness/support/units.h"

namespace connbench::probe {

std::string to_string(const Returned& returned) {
  return returned.error == 0 ? fmt::format("{}", returned.value)
                             : fmt::format("{} {}", returned.value, error_name(returned.error));
}

std::string error_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : fmt::format("error {}", error);
}

std::string ready_bits(uint32_t events) {
  const auto names = epoll_event_names(events);
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, " "));
}

int so_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  checked(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt(SO_ERROR)");
  return error;
}

std::string spread(std::vector<Duration> durations) {
  if (durations.empty()) return "none";
  std::ranges::sort(durations);
  if (durations.size() == 1) return human_readable(durations.front());
  return fmt::format("median {}, longest {} of {}", human_readable(durations[(durations.size() - 1) / 2]),
                     human_readable(durations.back()), durations.size());
}

}  // namespace connbench::probe
