#include "harness/targets/loopback_sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>

namespace connbench {
namespace {

/// 127.0.0.1, then 127.1.0.1, 127.1.0.2, …; IPv6 has only ::1.
Endpoint loopback(Family family, size_t index, uint16_t port) {
  if (family == Family::ipv6) return Endpoint::ipv6(in6addr_loopback, port);
  return Endpoint::ipv4(index == 0 ? INADDR_LOOPBACK : 0x7f010000U + static_cast<uint32_t>(index), port);
}

void add(BoundSockets& bound, UniqueFd socket, const Endpoint& endpoint) {
  bound.sockets.push_back(std::move(socket));
  bound.endpoints.push_back(endpoint);
}

/// Without SO_REUSEADDR, a port is either exclusively ours or taken; then another one is tried.
void bind_ip(BoundSockets& bound, Family family, size_t index, PortRange ports, std::mt19937& random) {
  UniqueFd socket = stream_socket(family);
  std::uniform_int_distribution<uint16_t> any_port(ports.first, ports.last);
  for (size_t tries = 2 * ports.size(); tries > 0; --tries) {
    const Endpoint endpoint = loopback(family, index, any_port(random));
    if (::bind(socket.get(), endpoint.address(), endpoint.size()) == 0) return add(bound, std::move(socket), endpoint);
    if (errno != EADDRINUSE) checked(-1, fmt::format("bind {}", endpoint.to_string()).c_str());
  }
  throw std::system_error(EADDRINUSE, std::generic_category(),
                          fmt::format("bind: every port tried in {}-{} is in use", ports.first, ports.last));
}

void bind_unix(BoundSockets& bound) {
  static std::atomic<unsigned> counter = 0;
  const Endpoint endpoint = Endpoint::abstract_unix(fmt::format("connbench-{}-{}", ::getpid(), counter++));
  UniqueFd socket = stream_socket(Family::unix_domain);
  checked(::bind(socket.get(), endpoint.address(), endpoint.size()), "bind");
  add(bound, std::move(socket), endpoint);
}

}  // namespace

UniqueFd stream_socket(Family family) {
  return UniqueFd(checked(::socket(address_family(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
}

PortRange server_ports(PortRange ephemeral) {
  constexpr int roomy = 1000;  // many services use ports below 10000: go there only when there is no other room
  const int below = ephemeral.first - 1;
  const int above = ephemeral.last + 1;
  const auto range = [](int first, int last) {
    return PortRange{static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
  };
  if (below - 10000 >= roomy) return range(10000, below);
  if (65535 - above >= roomy) return range(above, 65535);
  if (below >= 1024) return range(1024, below);
  if (above <= 65535) return range(above, 65535);
  throw std::system_error(EADDRNOTAVAIL, std::generic_category(),
                          fmt::format("no unprivileged port is outside net.ipv4.ip_local_port_range ({} to {}); narrow "
                                      "it, for example to 16384 to 65535",
                                      ephemeral.first, ephemeral.last));
}

BoundSockets bind_loopback(const TargetRequest& request) {
  BoundSockets bound;
  if (request.family == Family::unix_domain) {
    bind_unix(bound);
    return bound;
  }
  const PortRange ephemeral = ephemeral_ports();
  const PortRange ports = server_ports(ephemeral);
  const size_t each = std::max<size_t>(1, ephemeral.size() / 4);
  const size_t count = std::max<size_t>(1, (request.open_at_once + each - 1) / each);
  std::mt19937 random(std::random_device{}());
  for (size_t i = 0; i < count; ++i) bind_ip(bound, request.family, i, ports, random);
  return bound;
}

void listen_on(const BoundSockets& bound, int backlog) {
  for (const UniqueFd& socket : bound.sockets) checked(::listen(socket.get(), backlog), "listen");
}

int longest_backlog() {
  int somaxconn = 0;
  constexpr const char* path = "/proc/sys/net/core/somaxconn";
  if (!(std::ifstream(path) >> somaxconn)) throw std::system_error(EIO, std::generic_category(), path);
  return somaxconn;
}

}  // namespace connbench
