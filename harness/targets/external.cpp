#include "harness/targets/external.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "harness/machine/machine.h"
#include "harness/support/quantity.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

constexpr size_t longest_name = 253;  // RFC 1035, as text

struct HostAndPort {
  std::string host;
  uint16_t port;
};

[[noreturn]] void refuse(std::string_view text, std::string_view what) {
  throw std::invalid_argument(fmt::format("'{}': {}", text, what));
}

uint16_t parse_port(std::string_view text, std::string_view port) {
  const auto number = whole_number(port);
  if (!number || !Range<uint64_t>{1, 65535}.contains(*number))
    refuse(text, fmt::format("the port is '{}', and should be a whole number from 1 to 65535", port));
  return static_cast<uint16_t>(*number);
}

std::optional<in6_addr> ipv6_of(std::string_view text) {
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1 ? std::optional(address) : std::nullopt;
}

// "eth0" or "2" → "eth0"; "" when there is no such interface.
std::string interface_named(std::string_view scope) {
  char name[IF_NAMESIZE] = "";
  if (const auto index = whole_number(scope); index && *index <= UINT32_MAX)
    return ::if_indextoname(static_cast<unsigned>(*index), name) != nullptr ? name : "";
  return ::if_nametoindex(std::string(scope).c_str()) != 0 ? std::string(scope) : "";
}

bool is_link_local(const in6_addr& address) {
  return IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address);
}

// What stands between brackets: "2001:DB8::1" → "2001:db8::1", "fe80::1%2" → "fe80::1%eth0".
std::string canonical_ipv6(std::string_view text, std::string_view inside) {
  if (inside.empty()) refuse(text, "it has no host");
  const size_t percent = inside.find('%');
  const auto address = ipv6_of(inside.substr(0, percent));
  if (!address) refuse(text, fmt::format("'{}' is no IPv6 address, and only these are put in brackets", inside));
  char shortest[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, &*address, shortest, sizeof shortest);
  if (percent == std::string_view::npos) {
    if (is_link_local(*address))
      refuse(text, fmt::format("a link-local address needs its interface, such as [{}%eth0]", shortest));
    return shortest;
  }
  if (!is_link_local(*address)) refuse(text, "only a link-local address has an interface");
  const std::string interface = interface_named(inside.substr(percent + 1));
  if (interface.empty()) refuse(text, fmt::format("no interface is called '{}' here", inside.substr(percent + 1)));
  return fmt::format("{}%{}", shortest, interface);
}

// "::1:80" is two things at once: port 80 of ::1, and the address ::1:80 without a port.
[[noreturn]] void refuse_without_brackets(std::string_view text) {
  const auto is_address = [](std::string_view part) { return ipv6_of(part.substr(0, part.find('%'))).has_value(); };
  const std::string_view host = text.substr(0, text.rfind(':'));
  const std::string_view port = text.substr(host.size() + 1);
  std::string meant;
  if (is_address(host)) meant = fmt::format("[{}]:{}", host, port);
  if (is_address(text)) meant += fmt::format("{}[{}]:PORT", meant.empty() ? "" : ", or ", text);
  if (!meant.empty()) refuse(text, "an IPv6 address is put in brackets: write " + meant);
  refuse(text, "it is neither a target nor host:port");
}

// An IPv4 address or a name. Only the usual form of the former: "127.1" and "010.0.0.1", which is 8.0.0.1 to some
// programs, are refused.
std::string canonical_host(std::string_view text, std::string_view host) {
  if (host.empty()) refuse(text, "it has no host");
  const auto of_a_name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  if (host.size() > longest_name || !std::ranges::all_of(host, of_a_name))
    refuse(text, fmt::format("'{}' is no name of a host", host));
  std::string name(host);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  in_addr address{};
  if (inet_pton(AF_INET, name.c_str(), &address) == 1) return name;
  char usual[INET_ADDRSTRLEN] = "";
  if (inet_aton(name.c_str(), &address) != 0)
    refuse(text, fmt::format("an IPv4 address has four decimal numbers; did you mean {}?",
                             inet_ntop(AF_INET, &address, usual, sizeof usual)));
  const std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
  if (!last.empty() && std::ranges::all_of(last, [](unsigned char c) { return std::isdigit(c) != 0; }))
    refuse(text, fmt::format("'{}' is no IPv4 address", host));
  return name;
}

HostAndPort split(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ':')
      refuse(text, "an IPv6 address is put in brackets, and its port follows: [::1]:80");
    const std::string host = canonical_ipv6(text, text.substr(1, end - 1));
    return {host, parse_port(text, text.substr(end + 2))};
  }
  if (colon == std::string_view::npos) refuse(text, "it has no port: host:80");
  if (text.find(':') != colon) refuse_without_brackets(text);
  const std::string host = canonical_host(text, text.substr(0, colon));
  return {host, parse_port(text, text.substr(colon + 1))};
}

Endpoint endpoint_of(const sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
    return Endpoint::ipv6(ipv6->sin6_addr, ntohs(ipv6->sin6_port), ipv6->sin6_scope_id);
  }
  const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(address);
  return Endpoint::ipv4(ntohl(ipv4->sin_addr.s_addr), ntohs(ipv4->sin_port));
}

// Whether a socket that connects to `to` may get this very address as its own, and so connect to itself: the kernel
// chooses the destination as the source address, and a source port among those it gives to clients. A datagram socket
// asks the kernel for the source address without sending anything.
bool may_self_connect(const Endpoint& to) {
  if (!ephemeral_ports().contains(to.port())) return false;
  const UniqueFd socket(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), to.address(), to.size()) != 0) return false;
  return Endpoint::of_socket(socket.get()).same_host_as(Endpoint::of_peer(socket.get()));
}

class External final : public Target {
 public:
  explicit External(const HostAddress& host) : endpoints_(host.all) {}

  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  size_t endpoints_per_attempt() const override { return endpoints_.size(); }
  pid_t server() const override { return 0; }

 private:
  std::vector<Endpoint> endpoints_;
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
      return std::make_unique<External>(*request.address);
    },
};

NamedTarget parse_external(std::string_view text) {
  const auto [host, port] = split(text);
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string name = ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
  return {&external_target, name, name};
}

Lookup look_up(const NamedTarget& host, Family family) {
  const auto [name, port] = split(host.name);
  addrinfo hints{};
  hints.ai_family = address_family(family);
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int error = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &first);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(first, ::freeaddrinfo);
  if (error != 0) {
    const bool no_such_host = error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
    return {.found = std::nullopt,
            .why_not = fmt::format("{} has no address of family {}: {}", name, to_string(family),
                                   error == EAI_SYSTEM ? strerror(errno) : ::gai_strerror(error)),
            .machine_failed = !no_such_host};
  }
  HostAddress address{.family = family, .endpoint = endpoint_of(first->ai_addr)};
  // Each once: to the C library, the "::1" of /etc/hosts is 127.0.0.1 too, which may have a line of its own.
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next)
    if (const Endpoint endpoint = endpoint_of(one->ai_addr); std::ranges::count(address.all, endpoint) == 0)
      address.all.push_back(endpoint);
  address.others = address.all.size() - 1;
  address.may_self_connect = std::ranges::any_of(address.all, may_self_connect);
  return {.found = address, .why_not = ""};
}

void add_other_families(NamedTarget& host) {
  const std::vector<HostAddress> own = host.addresses;
  for (HostAddress& address : host.addresses)
    for (const HostAddress& other : own) {
      if (other.family == address.family) continue;
      address.all.insert(address.all.end(), other.all.begin(), other.all.end());
      address.may_self_connect |= other.may_self_connect;
    }
}

}  // namespace connbench
