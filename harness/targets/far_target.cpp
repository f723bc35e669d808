#include "harness/targets/far_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "harness/machine/machine.h"
#include "harness/support/quantity.h"

namespace connbench::lab {
namespace {

constexpr uint16_t first_far_port = 7000;
constexpr size_t addresses_of_a_block = 250;

Endpoint endpoint(Family family, Block block, size_t n, uint16_t port) {
  if (family == Family::ipv6) return Endpoint::ipv6(ipv6_address(block, static_cast<uint16_t>(n)), port);
  return Endpoint::ipv4(ipv4_address(block, static_cast<uint32_t>(n)), port);
}

// The first address of the blackhole is its router.
std::vector<Endpoint> spread(const TargetRequest& request, Block block, uint16_t port) {
  const size_t first = block == Block::blackhole ? 1 : 0;
  const size_t most = block == Block::blackhole ? blackhole_addresses : addresses_of_a_block;
  const size_t count = std::min(addresses_wanted(request), most);
  std::vector<Endpoint> endpoints;
  for (size_t i = 0; i < count; ++i) endpoints.push_back(endpoint(request.family, block, first + i, port));
  return endpoints;
}

// In the server's namespace. Only listeners that ask for it are affected.
void grant_cookies(int listener) {
  constexpr int clients_and_servers = 3;  // net.ipv4.tcp_fastopen is a set of bits
  const UniqueFd sysctl(
      checked(::open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC), "net.ipv4.tcp_fastopen"));
  const std::string value = std::to_string(clients_and_servers);
  checked(static_cast<int>(::write(sysctl.get(), value.data(), value.size())), "net.ipv4.tcp_fastopen");
  const int most_pending = 65'535;  // handshakes with data that are not complete
  checked(::setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &most_pending, sizeof most_pending), "TCP_FASTOPEN");
}

class UnservedTarget final : public Target {
 public:
  explicit UnservedTarget(std::vector<Endpoint> endpoints) : endpoints_(std::move(endpoints)) {}
  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  pid_t server() const override { return 0; }

 private:
  std::vector<Endpoint> endpoints_;
};

}  // namespace

std::unique_ptr<Target> accept_far(const TargetRequest& request, const LinkRule& rule, Fastopen fastopen) {
  const Block block = request.lab->add_far(rule);
  return accept_at(request, block, port_of(block), fastopen);
}

uint16_t port_of(Block block) noexcept {
  return static_cast<uint16_t>(first_far_port + static_cast<uint16_t>(block));
}

std::unique_ptr<Target> accept_at(const TargetRequest& request, Block block, uint16_t port, Fastopen fastopen) {
  const Visit server = request.lab->visit_server();
  BoundSockets bound;
  bound.sockets.push_back(stream_socket(request.family));
  const Endpoint any = request.family == Family::ipv6 ? Endpoint::ipv6(in6addr_any, port) : Endpoint::ipv4(0, port);
  const int only = 1;  // otherwise the next target's IPv4 socket could not bind the port
  if (request.family == Family::ipv6)
    checked(::setsockopt(bound.sockets[0].get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only), "IPV6_V6ONLY");
  checked(::bind(bound.sockets[0].get(), any.address(), any.size()), "bind");
  bound.endpoints = spread(request, block, port);
  if (fastopen == Fastopen::granted) grant_cookies(bound.sockets[0].get());
  return accept_on(std::move(bound), request, AfterAccept::hold);
}

std::unique_ptr<Target> unserved_far(const TargetRequest& request, const LinkRule& rule) {
  return unserved(request, request.lab->add_far(rule));
}

std::unique_ptr<Target> unserved(const TargetRequest& request, Block block, uint16_t port) {
  return std::make_unique<UnservedTarget>(spread(request, block, port));
}

Duration parse_round_trip(std::string_view text) {
  return parse_duration(text, {Duration::zero(), std::chrono::seconds(10)});
}

std::string canonical_round_trip(std::string_view text) {
  return format_duration(parse_round_trip(text));
}

uint8_t parse_losses(std::string_view text) {
  return static_cast<uint8_t>(parse_count(text, {1, 10}));
}

std::string canonical_losses(std::string_view text) {
  return std::to_string(parse_losses(text));
}

}  // namespace connbench::lab
