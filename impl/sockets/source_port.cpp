#include "impl/sockets/source_port.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "harness/support/unique_fd.h"

#ifndef IP_LOCAL_PORT_RANGE  // since Linux 6.3; newer than some C libraries
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

// Any address of this machine: connect() still chooses it.
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

// The low half is the first port, the high half the last. An IPv6 socket takes both options at this level too.
int set_port_range(int fd, PortRange range) noexcept {
  const uint32_t value = uint32_t{range.last} << 16 | range.first;
  if (const int error = set(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &value, sizeof value); error != 0) return error;
  return enable(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
}

}  // namespace

SourcePort::SourcePort(const Options& options) {
  const std::string_view choice = options.choice("source-port");
  choice_ = choice == "bind" ? Choice::bind : choice == "range" ? Choice::range : Choice::kernel;
  if (choice_ == Choice::kernel) return;
  range_ = ephemeral_ports();
  // Processes that begin at one port would find each other's first: begin somewhere.
  next_ = static_cast<uint32_t>(to_ns(now()) / 1000);
}

// SO_REUSEADDR: without it a port is taken as soon as any socket has it, whatever the destination, and a connection in
// TIME_WAIT keeps it too. A listener, or a socket that the kernel gave the port to, still refuses: take the next.
Evidence SourcePort::bind_to_next(int fd, sa_family_t family) noexcept {
  Evidence evidence{.call = Call::setsockopt, .error = enable(fd, SOL_SOCKET, SO_REUSEADDR), .family = family};
  if (evidence.error != 0) return evidence;
  evidence.call = Call::bind;
  for (size_t tries = 0; tries < range_.size(); ++tries) {
    const size_t offset = next_.fetch_add(1, std::memory_order_relaxed) % range_.size();
    evidence.error = bind_any(fd, family, static_cast<uint16_t>(range_.first + offset));
    if (evidence.error != EADDRINUSE) break;
  }
  return evidence;
}

// With a range of its own, a socket's search for a port visits all of them; without one, every second first, which is
// the slow half once those are gone. The port is looked for in connect(), when the destination is known.
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
  return fmt::format("this kernel has no IP_LOCAL_PORT_RANGE (Linux 6.3): {}", std::strerror(error));
}

}  // namespace connbench
