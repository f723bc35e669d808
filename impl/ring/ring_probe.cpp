// Finds out by trying whether this machine has what impl/ring/ring.h needs.
#include <errno.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <system_error>

#include "impl/ring/ring.h"

namespace connbench {
namespace {

constexpr size_t most_slots = size_t{1} << 20;  // IORING_MAX_FIXED_FILES, which no header defines
constexpr Duration patience = std::chrono::seconds(1);

std::string why_no_ring(int error) {
  switch (error) {
    case ENOSYS:
      return "io_uring_setup: this kernel has no io_uring, or a seccomp filter hides it";
    case EPERM: {
      std::string disabled;
      std::ifstream("/proc/sys/kernel/io_uring_disabled") >> disabled;
      if (disabled.empty() || disabled == "0")
        return "io_uring_setup: not permitted: the kernel allows it, but a seccomp filter or another policy does not";
      return fmt::format("io_uring_setup: not permitted: kernel.io_uring_disabled is {}", disabled);
    }
    case ENOMEM: {
      rlimit limit{};
      ::getrlimit(RLIMIT_MEMLOCK, &limit);
      return fmt::format(
          "io_uring_setup: no memory for the rings; kernels before 5.12 charge it to RLIMIT_MEMLOCK ({} KiB)",
          limit.rlim_cur / 1024);
    }
    case EINVAL:
      return "io_uring_setup: this kernel's io_uring is too old (Linux 6.8 has everything)";
    default:
      return fmt::format("io_uring_setup: {}", std::strerror(error));
  }
}

std::optional<std::string> why_not_so_many(size_t slots) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const size_t most = std::min<size_t>(limit.rlim_cur, most_slots);
  if (slots <= most) return std::nullopt;
  return fmt::format("a ring has at most {} direct descriptors here (RLIMIT_NOFILE, and never more than {}), not {}",
                     most, most_slots, slots);
}

// A kernel that is too old for a request answers EINVAL, or ENOTSUP for an unknown socket command.
struct Trial {
  int socket = 0;  ///< results: 0 or -errno
  int housekeeping = 0;
  int install = 0;
};

// Connects to a UNIX socket with an empty name, which every machine refuses at once.
Trial try_requests(Ring& ring, bool descriptors) {
  Trial trial;
  const Endpoint nowhere = Endpoint::abstract_unix("");
  const timespec until = to_timespec(now() + patience);
  const __kernel_timespec deadline{.tv_sec = until.tv_sec, .tv_nsec = until.tv_nsec};
  bool answered = false;
  const auto note = [&](Ring::Tag tag, uint32_t, int result) {
    if (tag == Ring::Tag::socket) trial.socket = result;
    if (tag == Ring::Tag::socket || tag == Ring::Tag::connect) answered = true;
    if (tag == Ring::Tag::housekeeping) trial.housekeeping = result;
    if (tag != Ring::Tag::install) return;
    trial.install = std::min(result, 0);
    if (result >= 0) ::close(result);
  };
  ring.connect(0, nowhere, &deadline);
  const TimePoint end = now() + 2 * patience;
  while (!answered && now() < end) {
    ring.wait(end);
    ring.take(8, note);
  }
  if (!answered || trial.socket != 0) return trial;
  ring.reset_on_close(0);
  if (descriptors) ring.install(0, 0);
  ring.close(0);
  ring.wait(TimePoint{});
  ring.take(8, note);
  return trial;
}

}  // namespace

std::optional<std::string> Ring::probe(size_t slots, bool descriptors) {
  if (auto reason = why_not_so_many(slots)) return reason;
  try {
    Ring ring(8, 16, 1);
    const Trial trial = try_requests(ring, descriptors);
    if (trial.socket != 0)
      return fmt::format("io_uring: sockets cannot be direct descriptors (since Linux 5.19): {}",
                         std::strerror(-trial.socket));
    if (trial.housekeeping != 0)
      return fmt::format("io_uring: SO_LINGER cannot be set through the ring (since Linux 6.7): {}",
                         std::strerror(-trial.housekeeping));
    if (trial.install != 0)
      return fmt::format(
          "io_uring: direct descriptors cannot become plain ones (since Linux 6.8), which this way of closing or "
          "reading "
          "TCP_INFO needs: {}",
          std::strerror(-trial.install));
  } catch (const std::system_error& error) {
    if (std::string_view(error.what()).starts_with("io_uring_setup")) return why_no_ring(error.code().value());
    return error.what();
  }
  return std::nullopt;
}

}  // namespace connbench
