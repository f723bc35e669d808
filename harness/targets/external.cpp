#include "harness/targets/external.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace connbench {
namespace {

struct HostAndPort {
  std::string host;
  uint16_t port;
};

std::optional<HostAndPort> split(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return HostAndPort{std::string(host), port};
}

Endpoint endpoint_of(const sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
    return Endpoint::ipv6(ipv6->sin6_addr, ntohs(ipv6->sin6_port));
  }
  const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(address);
  return Endpoint::ipv4(ntohl(ipv4->sin_addr.s_addr), ntohs(ipv4->sin_port));
}

class External final : public Target {
 public:
  // Uses only the first address: several addresses could be several hosts, while one way to connect to one host is
  // measured.
  External(const HostAndPort& to, Family family) : endpoint_(resolve(to, family)) {}

  std::span<const Endpoint> endpoints() const override { return {&endpoint_, 1}; }
  pid_t server() const override { return 0; }

 private:
  static Endpoint resolve(const HostAndPort& to, Family family) {
    addrinfo hints{};
    hints.ai_family = address_family(family);
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
    if (error != 0)
      throw std::runtime_error(fmt::format("{} has no address of family {}: {}", to.host, to_string(family),
                                           error == EAI_SYSTEM ? strerror(errno) : ::gai_strerror(error)));
    const Endpoint endpoint = endpoint_of(found->ai_addr);
    ::freeaddrinfo(found);
    return endpoint;
  }

  Endpoint endpoint_;
};

// How a host outside the lab should respond is unknown.
OutcomeSet any_end(Family) {
  using enum Outcome;
  return {connected,     refused,   reset,     unreachable,   peer_timeout,   deadline_exceeded,
          never_started, cancelled, exhausted, not_permitted, self_connected, unexpected};
}

}  // namespace

const TargetEntry external_target{
    .name = "host:port",
    .summary = "a host of your own, with --external; rate and number of attempts are limited",
    .families = ip_families,
    .answers = false,
    .expected_outcomes = any_end,
    .open = [](const TargetRequest& request) -> std::unique_ptr<Target> {
      return std::make_unique<External>(*split(request.parameter), request.family);
    },
};

std::optional<NamedTarget> parse_external(std::string_view text) {
  if (!split(text)) return std::nullopt;
  return NamedTarget{&external_target, std::string(text), std::string(text)};
}

}  // namespace connbench
