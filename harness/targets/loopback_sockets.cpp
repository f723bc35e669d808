#include "harness/targets/loopback_sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <random>

#include "harness/support/proc_file.h"

namespace connbench {
namespace {

Endpoint at_port(const Endpoint& address, uint16_t port) {
  if (address.family() == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address.address());
    return Endpoint::ipv6(ipv6->sin6_addr, port, ipv6->sin6_scope_id);
  }
  return Endpoint::ipv4(ntohl(reinterpret_cast<const sockaddr_in*>(address.address())->sin_addr.s_addr), port);
}

/// 127.0.0.1, then 127.1.0.1, 127.1.0.2, …; IPv6 has only ::1.
Endpoint loopback(Family family, size_t index, uint16_t port) {
  if (family == Family::ipv6) return Endpoint::ipv6(in6addr_loopback, port);
  return Endpoint::ipv4(index == 0 ? INADDR_LOOPBACK : 0x7f010000U + static_cast<uint32_t>(index), port);
}

void add(BoundSockets& bound, UniqueFd socket, const Endpoint& endpoint) {
  bound.sockets.push_back(std::move(socket));
  bound.endpoints.push_back(endpoint);
}

/// Where a server's sockets are to be, and of which kind.
struct Place {
  const TargetRequest& request;
  int protocol;

  Endpoint at(size_t index, uint16_t port) const {
    return request.at ? at_port(*request.at, port) : loopback(request.family, index, port);
  }
};

/// Without SO_REUSEADDR, a port is either exclusively ours or taken; then the next one is tried, from a random one on.
/// @return false when none is free
bool bind_one_of(BoundSockets& bound, const Place& place, size_t index, PortRange ports, std::mt19937& random) {
  UniqueFd socket = stream_socket(place.request.family, place.protocol);
  const size_t start = std::uniform_int_distribution<size_t>(0, ports.size() - 1)(random);
  for (size_t tries = 0; tries < ports.size(); ++tries) {
    const auto port = static_cast<uint16_t>(ports.first + (start + tries) % ports.size());
    const Endpoint endpoint = place.at(index, port);
    if (::bind(socket.get(), endpoint.address(), endpoint.size()) == 0) {
      add(bound, std::move(socket), endpoint);
      return true;
    }
    if (errno != EADDRINUSE) checked(-1, fmt::format("bind {}", endpoint.to_string()).c_str());
  }
  return false;
}

void bind_ip(BoundSockets& bound, const Place& place, size_t index, const PortsForServers& ports,
             std::mt19937& random) {
  if (bind_one_of(bound, place, index, ports.preferred, random)) return;
  if (bind_one_of(bound, place, index, ports.all, random)) return;
  throw std::system_error(EADDRINUSE, std::generic_category(),
                          fmt::format("bind: every port from {} to {} is in use", ports.all.first, ports.all.last));
}

void bind_unix(BoundSockets& bound) {
  static std::atomic<unsigned> counter = 0;
  const Endpoint endpoint = Endpoint::abstract_unix(fmt::format("connbench-{}-{}", ::getpid(), counter++));
  UniqueFd socket = stream_socket(Family::unix_domain);
  checked(::bind(socket.get(), endpoint.address(), endpoint.size()), "bind");
  add(bound, std::move(socket), endpoint);
}

}  // namespace

UniqueFd stream_socket(Family family, int protocol) {
  return UniqueFd(
      checked(::socket(address_family(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), "socket"));
}

PortsForServers server_ports(PortRange ephemeral, uint16_t first_unprivileged) {
  constexpr int roomy = 1000;  // many services use ports below 10000: go there only when there is no other room
  const int lowest = std::max<int>(first_unprivileged, 1024);
  const int below = ephemeral.first - 1;
  const int above = ephemeral.last + 1;
  const auto range = [](int first, int last) {
    return PortRange{static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
  };
  const PortRange all = range(lowest, 65535);
  const int usual = std::max(lowest, 10000);
  if (below - usual >= roomy) return {range(usual, below), all};
  if (above >= lowest && 65535 - above >= roomy) return {range(above, 65535), all};
  if (below >= lowest) return {range(lowest, below), all};
  if (above >= lowest && above <= 65535) return {range(above, 65535), all};
  return {all, all};
}

BoundSockets bind_loopback(const TargetRequest& request, int protocol) {
  BoundSockets bound;
  if (request.family == Family::unix_domain) {
    bind_unix(bound);
    return bound;
  }
  const PortRange ephemeral = ephemeral_ports();
  const PortsForServers ports = server_ports(ephemeral, first_unprivileged_port());
  const size_t count = addresses_wanted(request);
  std::mt19937 random(std::random_device{}());
  for (size_t i = 0; i < count; ++i) bind_ip(bound, {request, protocol}, i, ports, random);
  return bound;
}

void listen_on(const BoundSockets& bound, int backlog) {
  for (const UniqueFd& socket : bound.sockets) checked(::listen(socket.get(), backlog), "listen");
}

int longest_backlog() noexcept {
  const int64_t somaxconn = leading_number(sysctl("net.core.somaxconn").value_or(""));
  return somaxconn < 0 ? INT_MAX : static_cast<int>(std::min<int64_t>(somaxconn, INT_MAX));
}

}  // namespace connbench
