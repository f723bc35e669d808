#include "impl/sockets/socket_setup.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <cstring>
#include <utility>

#include "harness/connector/address_list.h"

namespace connbench {
namespace {

bool chose(const Options& options, std::string_view option, std::string_view choice) {
  return options.knows(option) && options.choice(option) == choice;
}

// The families of the sockets that are to be opened; both when that is not known.
std::vector<Family> families_of(const ConnectorSettings& settings) {
  if (settings.family) return {*settings.family};
  return {Family::ipv4, Family::ipv6};
}

std::string why_not_prepared(const Options& options, const Evidence& evidence) {
  const std::string reason = std::strerror(evidence.error);
  if (evidence.call != Call::bind && chose(options, "source-port", "range"))
    return "this kernel has no IP_LOCAL_PORT_RANGE for such sockets (since Linux 6.3): " + reason;
  if (evidence.call == Call::setsockopt && chose(options, "fastopen", "on"))
    return "this kernel has no TCP_FASTOPEN_CONNECT for such sockets (since Linux 4.11): " + reason;
  return "a socket cannot get the source that +source-address and +source-port ask for: " + reason;
}

// Binds one socket to each source address. A port is taken only by connect().
std::optional<std::string> why_no_addresses(SocketSetup& setup, sa_family_t family) {
  for (const Endpoint& address : setup.source().addresses(family)) {
    const UniqueFd fd(setup.open(family, SOCK_CLOEXEC));
    if (!fd || ::bind(fd.get(), address.address(), address.size()) == 0) continue;
    const std::string text = address_text(address);
    return fmt::format(
        "source-address: {} cannot be bound: {}; 'ip address add {} dev lo' makes it one of this machine", text,
        std::strerror(errno), text);
  }
  return std::nullopt;
}

std::optional<std::string> try_family(SocketSetup& setup, const ConnectorSettings& settings, sa_family_t family) {
  const UniqueFd fd(setup.open(family, SOCK_CLOEXEC));
  if (!fd && errno != EAFNOSUPPORT && setup.protocol(family) == IPPROTO_MPTCP)
    return fmt::format("no MPTCP sockets here: {}; it needs a kernel with CONFIG_MPTCP and net.mptcp.enabled=1",
                       std::strerror(errno));
  if (!fd) return std::nullopt;  // the attempts will say so
  if (auto reason = why_no_addresses(setup, family)) return reason;
  const Evidence prepared = setup.prepare(fd.get(), family);
  if (prepared.error == 0 || prepared.call == Call::bind) return std::nullopt;
  return why_not_prepared(settings.options, prepared);
}

}  // namespace

SocketSetup::SocketSetup(const Options& options)
    : source_(options),
      protocol_(chose(options, "protocol", "mptcp") ? IPPROTO_MPTCP : 0),
      fastopen_(chose(options, "fastopen", "on")),
      plain_(source_.is_chosen_by_kernel() && !fastopen_) {}

Evidence SocketSetup::prepare_ip(int fd, sa_family_t family) noexcept {
  if (fastopen_) {
    const int on = 1;
    if (::setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) != 0)
      return {.call = Call::setsockopt, .error = errno, .family = family};
  }
  return source_.prepare(fd, family);
}

std::optional<std::string> probe_socket_setup(const ConnectorSettings& settings) {
  SocketSetup setup(settings.options);
  if (setup.is_default()) return std::nullopt;
  for (const Family family : families_of(settings)) {
    if (family == Family::unix_domain) continue;
    const sa_family_t domain = address_family(family);
    const bool has_addresses =
        !setup.source().addresses(AF_INET).empty() || !setup.source().addresses(AF_INET6).empty();
    if (settings.family && has_addresses && setup.source().addresses(domain).empty())
      return fmt::format("none of its source addresses has family {}", to_string(family));
    if (auto reason = try_family(setup, settings, domain)) return reason;
  }
  return std::nullopt;
}

}  // namespace connbench
