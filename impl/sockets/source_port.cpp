#include "impl/sockets/source_port.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "harness/support/unique_fd.h"

#ifndef IP_LOCAL_PORT_RANGE  // since Linux 6.3; missing from older C libraries
#define IP_LOCAL_PORT_RANGE 51
#endif

namespace connbench {
namespace {

int set(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  return ::setsockopt(fd, level, name, value, size) == 0 ? 0 : errno;
}

int enable(int fd, int level, int name) noexcept {
  const int on = 1;
  return set(fd, level, name, &on, sizeof on);
}

// Binds to the wildcard address, so that connect() still chooses the source address.
int bind_any(int fd, sa_family_t family, uint16_t port) noexcept {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  const bool is_v6 = family == AF_INET6;
  const auto* address = is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  return ::bind(fd, address, is_v6 ? sizeof v6 : sizeof v4) == 0 ? 0 : errno;
}

// The low half is the first port, the high half the last. IPv6 sockets accept both options at this level too.
int set_port_range(int fd, PortRange range) noexcept {
  const uint32_t value = uint32_t{range.last} << 16 | range.first;
  if (const int error = set(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &value, sizeof value); error != 0) return error;
  return enable(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
}

}  // namespace

SourcePort::SourcePort(const Options& options) {
  if (!options.knows("source-port")) return;
  const std::string_view choice = options.choice("source-port");
  choice_ = choice == "bind" ? Choice::bind : choice == "range" ? Choice::range : Choice::kernel;
  if (choice_ == Choice::kernel) return;
  range_ = ephemeral_ports();
  reserved_ = reserved_ports();
  // Processes that began at the same port would collide, so each begins somewhere else.
  next_ = static_cast<uint32_t>(to_ns(now()) / 1000);
}

// Without SO_REUSEADDR, bind() fails as soon as any socket has the port, whatever its destination, even in TIME_WAIT.
// With it, bind() still fails when the port belongs to a listener or was chosen by the kernel; then try the next one.
Evidence SourcePort::bind_to_next(int fd, sa_family_t family) noexcept {
  Evidence evidence{.call = Call::setsockopt, .error = enable(fd, SOL_SOCKET, SO_REUSEADDR), .family = family};
  if (evidence.error != 0) return evidence;
  evidence.call = Call::bind;
  for (size_t tries = 0; tries < range_.size(); ++tries) {
    const size_t offset = next_.fetch_add(1, std::memory_order_relaxed) % range_.size();
    const auto port = static_cast<uint16_t>(range_.first + offset);
    evidence.error = std::ranges::any_of(reserved_, [port](const PortRange& ports) { return ports.contains(port); })
                         ? EADDRINUSE
                         : bind_any(fd, family, port);
    if (evidence.error != EADDRINUSE) break;
  }
  return evidence;
}

// With a range of its own, the search for a port visits every port. Without one, the kernel tries every second port
// first, which makes the search slow once those are in use. connect() does the search, when the destination is known.
Evidence SourcePort::narrow_to_range(int fd, sa_family_t family) const noexcept {
  Evidence evidence{.call = Call::setsockopt, .error = set_port_range(fd, range_), .family = family};
  if (evidence.error != 0) return evidence;
  return {.call = Call::bind, .error = bind_any(fd, family, 0), .family = family};
}

std::optional<std::string> probe_source_port(const ConnectorSettings& settings) {
  if (settings.options.choice("source-port") != "range") return std::nullopt;
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return std::nullopt;
  const int error = set_port_range(fd.get(), ephemeral_ports());
  if (error == 0) return std::nullopt;
  return fmt::format("this kernel has no IP_LOCAL_PORT_RANGE (since Linux 6.3): {}", std::strerror(error));
}

}  // namespace connbench
