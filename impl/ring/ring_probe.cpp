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

#include "harness/machine/shortage.h"
#include "impl/ring/ring.h"

namespace connbench {
namespace {

constexpr size_t most_slots = size_t{1} << 20;  // IORING_MAX_FIXED_FILES, which no header defines
constexpr Duration patience = std::chrono::seconds(1);

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
  bool installed = false;
  const auto note = [&](Ring::Tag tag, uint32_t, int result) {
    if (tag == Ring::Tag::socket) trial.socket = result;
    if (tag == Ring::Tag::socket || tag == Ring::Tag::connect) answered = true;
    if (tag == Ring::Tag::housekeeping) trial.housekeeping = result;
    if (tag != Ring::Tag::install) return;
    installed = true;
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
  do {
    ring.wait(descriptors ? end : TimePoint{});
    ring.take(8, note);
  } while (descriptors && !installed && now() < end);
  return trial;
}

// Connects to a broadcast address: TCP has none, so that fails at once and nothing is sent.
std::optional<std::string> try_socket(Ring& ring, const RingSocket& socket) {
  std::optional<std::string> reason;
  bool answered = false;
  const auto note = [&](Ring::Tag tag, uint32_t, int result) {
    answered = answered || tag != Ring::Tag::housekeeping;
    if (tag == Ring::Tag::socket) reason = fmt::format("io_uring: no such socket: {}", std::strerror(-result));
    if (tag == Ring::Tag::option)
      reason =
          fmt::format("io_uring: an option of the socket cannot be set through the ring: {}", std::strerror(-result));
    if (tag == Ring::Tag::bind)
      reason = fmt::format("io_uring: the source address cannot be bound through the ring (since Linux 6.11): {}",
                           std::strerror(-result));
  };
  const bool ipv6 = socket.source != nullptr && socket.source->family() == AF_INET6;
  const Endpoint nowhere = ipv6 ? Endpoint::ipv6(in6addr_any, 9) : Endpoint::ipv4(INADDR_LOOPBACK | 0x00ffffffU, 9);
  ring.connect(0, nowhere, nullptr, socket);
  const TimePoint end = now() + 2 * patience;
  while (!answered && now() < end) {
    ring.wait(end);
    ring.take(8, note);
  }
  ring.close(0);
  ring.submit();
  return reason;
}

std::string why_no_ring_with(int error, unsigned setup) {
  if (error == EINVAL && (setup & IORING_SETUP_DEFER_TASKRUN) != 0)
    return "io_uring_setup: this kernel has no IORING_SETUP_DEFER_TASKRUN (since Linux 6.1)";
  if (error == EPERM && (setup & IORING_SETUP_SQPOLL) != 0)
    return "io_uring_setup: not permitted; IORING_SETUP_SQPOLL needs CAP_SYS_NICE before Linux 5.11";
  return why_no_ring(error);
}

}  // namespace

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
    case ENOMEM:
      return with_remedy(std::system_error(error, std::generic_category(), "io_uring_setup"));
    case EINVAL:
      return "io_uring_setup: this kernel's io_uring is too old (Linux 6.8 has everything)";
    default:
      return fmt::format("io_uring_setup: {}", std::strerror(error));
  }
}

std::optional<std::string> Ring::probe(size_t slots, bool descriptors, unsigned setup, const RingSocket& socket) {
  if (auto reason = why_not_so_many(slots)) return reason;
  try {
    Ring ring(8, 16, 1, setup);
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
    if (socket.protocol != 0 || requests_per_connect(socket) > requests_per_connect({}))
      return try_socket(ring, socket);
  } catch (const std::system_error& error) {
    if (std::string_view(error.what()).starts_with("io_uring_setup"))
      return why_no_ring_with(error.code().value(), setup);
    return error.what();
  }
  return std::nullopt;
}

}  // namespace connbench
