#include "impl/sockets/source.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

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

// nullptr stands for the wildcard address, with which connect() still chooses the source address.
int bind_to(int fd, sa_family_t family, const Endpoint* address, uint16_t port) noexcept {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  if (family == AF_INET6) {
    if (address != nullptr) v6 = *reinterpret_cast<const sockaddr_in6*>(address->address());
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&v6), sizeof v6) == 0 ? 0 : errno;
  }
  if (address != nullptr) v4 = *reinterpret_cast<const sockaddr_in*>(address->address());
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&v4), sizeof v4) == 0 ? 0 : errno;
}

// The low half is the first port, the high half the last. IPv6 sockets accept the option at this level too.
int set_port_range(int fd, PortRange range) noexcept {
  const uint32_t value = uint32_t{range.last} << 16 | range.first;
  return set(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &value, sizeof value);
}

}  // namespace

Source::Source(const Options& options) {
  if (options.knows("source-address") && options.given("source-address"))
    for (const Endpoint& address : options.addresses("source-address"))
      (address.family() == AF_INET6 ? v6_ : v4_).push_back(address);
  if (!options.knows("source-port")) return;
  const std::string_view choice = options.choice("source-port");
  choice_ = choice == "bind" ? Choice::bind : choice == "range" ? Choice::range : Choice::kernel;
  if (choice_ == Choice::kernel) return;
  range_ = ephemeral_ports();
  reserved_ = reserved_ports();
  // Processes that began at the same port would collide, so each begins somewhere else.
  next_ = static_cast<uint32_t>(to_ns(now()) / 1000);
}

bool Source::is_reserved(uint16_t port) const noexcept {
  return std::ranges::any_of(reserved_, [port](const PortRange& ports) { return ports.contains(port); });
}

size_t Source::ports(sa_family_t family) const noexcept {
  return range_.size() * std::max<size_t>(1, addresses(family).size());
}

const Endpoint* Source::next_address(sa_family_t family) noexcept {
  const std::vector<Endpoint>& all = addresses(family);
  return all.empty() ? nullptr : &all[next_.fetch_add(1, std::memory_order_relaxed) % all.size()];
}

Evidence Source::prepare_ip(int fd, sa_family_t family) noexcept {
  switch (choice_) {
    case Choice::kernel:
      return bind_address(fd, family);
    case Choice::bind:
      return bind_to_next(fd, family);
    case Choice::range:
      return narrow_to_range(fd, family);
  }
  return {.family = family};
}

// Without SO_REUSEADDR, bind() fails as soon as any socket has the port, whatever its destination, even in TIME_WAIT.
// With it, bind() still fails when the port belongs to a listener or was chosen by the kernel; then try the next one.
// All addresses have their turn at one port before the next port has.
Evidence Source::bind_to_next(int fd, sa_family_t family) noexcept {
  Evidence evidence{.call = Call::setsockopt, .error = enable(fd, SOL_SOCKET, SO_REUSEADDR), .family = family};
  if (evidence.error != 0) return evidence;
  evidence.call = Call::bind;
  const std::vector<Endpoint>& all = addresses(family);
  const size_t count = std::max<size_t>(1, all.size());
  for (size_t tries = 0; tries < ports(family); ++tries) {
    const size_t turn = next_.fetch_add(1, std::memory_order_relaxed);
    const auto port = static_cast<uint16_t>(range_.first + turn / count % range_.size());
    evidence.error =
        is_reserved(port) ? EADDRINUSE : bind_to(fd, family, all.empty() ? nullptr : &all[turn % count], port);
    if (evidence.error != EADDRINUSE) break;
  }
  return evidence;
}

// With a range of its own, the search for a port visits every port. Without one, the kernel tries every second port
// first, which makes the search slow once those are in use. connect() does the search, when the destination is known.
Evidence Source::narrow_to_range(int fd, sa_family_t family) noexcept {
  const Evidence evidence{.call = Call::setsockopt, .error = set_port_range(fd, range_), .family = family};
  return evidence.error != 0 ? evidence : bind_address(fd, family);
}

// Without IP_BIND_ADDRESS_NO_PORT, bind() would choose a port that no other socket has, whatever its destination.
Evidence Source::bind_address(int fd, sa_family_t family) noexcept {
  const Endpoint* const address = next_address(family);
  if (address == nullptr && choice_ == Choice::kernel) return {.family = family};
  const Evidence evidence{
      .call = Call::setsockopt, .error = enable(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), .family = family};
  if (evidence.error != 0) return evidence;
  return {.call = Call::bind, .error = bind_to(fd, family, address, 0), .family = family};
}

}  // namespace connbench
