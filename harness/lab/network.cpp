#include "harness/lab/network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "harness/lab/addresses.h"
#include "harness/lab/capsule.h"
#include "harness/lab/netlink.h"
#include "harness/machine/shortage.h"

namespace connbench::lab {
namespace {

constexpr VethEnd a0{"a0", client_interface, {2, 0, 0, 0, 0, 10}};
constexpr VethEnd b0{"b0", server_interface, {2, 0, 0, 0, 0, 20}};
constexpr VethEnd d0{"d0", blackhole_interface, {2, 0, 0, 0, 0, 11}};
constexpr VethEnd near{near_end, 30, {2, 0, 0, 0, 0, 30}};
constexpr VethEnd far{far_end, 31, {2, 0, 0, 0, 0, 31}};
constexpr VethEnd dead_end{"dead", 32, {2, 0, 0, 0, 0, 32}};
constexpr Mac nobody{2, 0, 0, 0, 0, 99};
constexpr int loopback_index = 1;  // in every network namespace

enum Side : size_t { client_side, server_side, link_side };

class Builder {
 public:
  explicit Builder(const std::vector<Sysctl>& sysctls) : sysctls_(sysctls) {}

  // Opens a side's namespace and netlink socket. The client's namespace is the capsule's own.
  void open(Side side) {
    if (side != client_side) checked(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
    namespaces_[side].emplace(
        checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open(/proc/thread-self/ns/net)"));
    sockets_[side].emplace();
    ipv6_ = ::access("/proc/sys/net/ipv6", F_OK) == 0;
    if (!ipv6_) return;
    // A machine that disables IPv6 everywhere may do so for new namespaces too.
    for (const char* which : {"all", "default", "lo"})
      write_sysctl(fmt::format("net.ipv6.conf.{}.disable_ipv6", which), "0");
    // No autoconfigured addresses: the kernel would send packets to announce them and to detect duplicates.
    write_sysctl("net.ipv6.conf.default.addr_gen_mode", "1");
    write_sysctl("net.ipv6.conf.default.accept_ra", "0");
  }
  void enter(Side side) const { lab::enter(*namespaces_[side]); }
  int descriptor(Side side) const { return namespaces_[side]->get(); }
  Netlink& on(Side side) { return *sockets_[side]; }
  bool ipv6() const { return ipv6_; }

  Network finish() {
    return {std::move(*namespaces_[client_side]), std::move(*namespaces_[server_side]),
            std::move(*namespaces_[link_side]), ipv6_};
  }

  // Bursts should be limited by the rule of their target, not by the default length of a queue.
  void lengthen_queues() const {
    write_sysctl("net.core.somaxconn", "65535");
    write_sysctl("net.ipv4.tcp_max_syn_backlog", "65535");
  }

  // Sysctls named "default" affect only interfaces created after them.
  void set_default_sysctls() const {
    for (const auto& [name, value] : sysctls_)
      if (is_default(name)) write_wanted_sysctl(name, value);
  }
  // All others may name an interface, which must exist first.
  void set_other_sysctls() const {
    for (const auto& [name, value] : sysctls_)
      if (!is_default(name)) write_wanted_sysctl(name, value);
  }

 private:
  static bool is_default(const std::string& name) { return name.find(".default.") != std::string::npos; }

  static UniqueFd open_sysctl(const std::string& name) {
    std::string path = "/proc/sys/" + name;
    std::replace(path.begin() + 10, path.end(), '.', '/');
    return UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  }

  // One of the lab's own.
  static void write_sysctl(const std::string& name, const std::string& value) {
    const UniqueFd file = open_sysctl(name);
    checked(file.get(), name.c_str());
    checked(static_cast<int>(::write(file.get(), value.data(), value.size())), name.c_str());
  }

  // One that the user asked for.
  static void write_wanted_sysctl(const std::string& name, const std::string& value) {
    const UniqueFd file = open_sysctl(name);
    if (!file && errno == ENOENT)
      throw std::invalid_argument(fmt::format("{} does not exist in a network namespace of this kernel", name));
    if (!file && (errno == EACCES || errno == EPERM || errno == EROFS || errno == EISDIR))
      throw std::invalid_argument(fmt::format("{} cannot be set in a network namespace: {}", name, strerror(errno)));
    checked(file.get(), name.c_str());
    if (::write(file.get(), value.data(), value.size()) < 0)
      throw std::invalid_argument(fmt::format("{}: the kernel rejects '{}': {}", name, value, strerror(errno)));
  }

  const std::vector<Sysctl>& sysctls_;
  std::optional<UniqueFd> namespaces_[3];
  std::optional<Netlink> sockets_[3];
  bool ipv6_ = false;
};

// Configures one side of the local network: its address and the other side as a neighbour, which is also the router to
// `beyond`.
void join_own_network(Netlink& netlink, const VethEnd& own, const VethEnd& other, const IpPrefix& address,
                      const IpPrefix& neighbour, const IpPrefix* beyond) {
  netlink.add_address(own.index, address);
  netlink.add_neighbour(own.index, neighbour, other.mac);
  if (beyond != nullptr)
    netlink.add_route(*beyond, {.type = RTN_UNICAST, .interface = own.index, .gateway = &neighbour});
}

struct Plan {
  IpPrefix client, client_in_network, server, server_in_network, far, no_arp, prohibited, blackhole, dead_router;
};

Plan plan_ipv4() {
  using enum Block;
  const auto all = [](Block block) { return IpPrefix::ipv4(ipv4_base(block), ipv4_prefix(block)); };
  return {.client = IpPrefix::ipv4(ipv4_address(own_network, 0)),
          .client_in_network = IpPrefix::ipv4(ipv4_address(own_network, 0), ipv4_prefix(own_network)),
          .server = IpPrefix::ipv4(ipv4_address(own_network, 1)),
          .server_in_network = IpPrefix::ipv4(ipv4_address(own_network, 1), ipv4_prefix(own_network)),
          .far = IpPrefix::ipv4(ipv4_base(first_far), 16),
          .no_arp = all(no_arp),
          .prohibited = all(prohibited),
          .blackhole = all(blackhole),
          .dead_router = IpPrefix::ipv4(ipv4_address(blackhole, 0))};
}

Plan plan_ipv6() {
  using enum Block;
  const auto all = [](Block block) { return IpPrefix::ipv6(ipv6_base(block), ipv6_prefix); };
  return {.client = IpPrefix::ipv6(ipv6_address(own_network, 0)),
          .client_in_network = IpPrefix::ipv6(ipv6_address(own_network, 0), ipv6_prefix),
          .server = IpPrefix::ipv6(ipv6_address(own_network, 1)),
          .server_in_network = IpPrefix::ipv6(ipv6_address(own_network, 1), ipv6_prefix),
          .far = IpPrefix::ipv6(ipv6_base(first_far), 56),
          .no_arp = all(no_arp),
          .prohibited = all(prohibited),
          .blackhole = all(blackhole),
          .dead_router = IpPrefix::ipv6(ipv6_address(blackhole, 0))};
}

void address_client(Builder& builder, const Plan& plan) {
  Netlink& netlink = builder.on(client_side);
  join_own_network(netlink, a0, b0, plan.client_in_network, plan.server, &plan.far);
  netlink.add_route(plan.no_arp, {.type = RTN_UNICAST, .interface = a0.index, .preferred = &plan.client});
  netlink.add_route(plan.prohibited, {.type = RTN_PROHIBIT});
}

// All addresses of a block are the client's own: bind() accepts any that the table of local routes has.
void address_clients(Builder& builder) {
  const IpPrefix clients = IpPrefix::ipv4(ipv4_base(Block::clients), ipv4_prefix(Block::clients));
  builder.on(client_side).add_route(clients, {.type = RTN_LOCAL, .interface = loopback_index});
}

// The server reaches them by way of the client.
void route_to_clients(Builder& builder, const Plan& plan) {
  const IpPrefix clients = IpPrefix::ipv4(ipv4_base(Block::clients), ipv4_prefix(Block::clients));
  builder.on(server_side).add_route(clients, {.type = RTN_UNICAST, .interface = b0.index, .gateway = &plan.client});
}

// Without a router, each of the many addresses would need a neighbour entry; with a router, one is enough.
void address_blackhole(Builder& builder, const Plan& plan) {
  Netlink& netlink = builder.on(client_side);
  netlink.add_neighbour(d0.index, plan.dead_router, nobody);
  netlink.add_route(plan.dead_router, {.type = RTN_UNICAST, .interface = d0.index, .preferred = &plan.client});
  netlink.add_route(
      plan.blackhole,
      {.type = RTN_UNICAST, .interface = d0.index, .gateway = &plan.dead_router, .preferred = &plan.client});
}

// The server accepts packets for every far address.
void address_server(Builder& builder, const Plan& plan) {
  Netlink& netlink = builder.on(server_side);
  join_own_network(netlink, b0, a0, plan.server_in_network, plan.client, nullptr);
  netlink.add_route(plan.far, {.type = RTN_LOCAL, .interface = loopback_index});
}

enum Condition : uint8_t { always, with_ipv6 };

struct Step {
  const char* name;
  Side side;
  Condition condition;
  void (*run)(Builder&);
};

constexpr Step steps[] = {
    {"the client's default sysctls", client_side, always, [](Builder& b) { b.set_default_sysctls(); }},
    {"the server's default sysctls", server_side, always, [](Builder& b) { b.set_default_sysctls(); }},
    {"the client's veth pair", link_side, always,
     [](Builder& b) { b.on(link_side).add_veth(near, a0, b.descriptor(client_side)); }},
    {"the server's veth pair", link_side, always,
     [](Builder& b) { b.on(link_side).add_veth(far, b0, b.descriptor(server_side)); }},
    {"the blackhole's veth pair", link_side, always,
     [](Builder& b) { b.on(link_side).add_veth(dead_end, d0, b.descriptor(client_side)); }},
    {"the near end", link_side, always, [](Builder& b) { b.on(link_side).set_up(near.index); }},
    {"the far end", link_side, always, [](Builder& b) { b.on(link_side).set_up(far.index); }},
    {"the client's loopback", client_side, always, [](Builder& b) { b.on(client_side).set_up(loopback_index); }},
    {"the client's checksums", client_side, always, [](Builder&) { checksums_in_software(a0.name); }},
    {"the client's interface", client_side, always, [](Builder& b) { b.on(client_side).set_up(a0.index); }},
    {"the blackhole's interface", client_side, always, [](Builder& b) { b.on(client_side).set_up(d0.index); }},
    {"the client's IPv4", client_side, always, [](Builder& b) { address_client(b, plan_ipv4()); }},
    {"the client's other addresses", client_side, always, [](Builder& b) { address_clients(b); }},
    {"the client's IPv6", client_side, with_ipv6, [](Builder& b) { address_client(b, plan_ipv6()); }},
    {"the blackhole's IPv4", client_side, always, [](Builder& b) { address_blackhole(b, plan_ipv4()); }},
    {"the blackhole's IPv6", client_side, with_ipv6, [](Builder& b) { address_blackhole(b, plan_ipv6()); }},
    {"the server's loopback", server_side, always, [](Builder& b) { b.on(server_side).set_up(loopback_index); }},
    {"the server's checksums", server_side, always, [](Builder&) { checksums_in_software(b0.name); }},
    {"the server's interface", server_side, always, [](Builder& b) { b.on(server_side).set_up(b0.index); }},
    {"the server's IPv4", server_side, always, [](Builder& b) { address_server(b, plan_ipv4()); }},
    {"the way to the client's other addresses", server_side, always,
     [](Builder& b) { route_to_clients(b, plan_ipv4()); }},
    {"the server's IPv6", server_side, with_ipv6, [](Builder& b) { address_server(b, plan_ipv6()); }},
    {"the client's queues", client_side, always, [](Builder& b) { b.lengthen_queues(); }},  // for targets on loopback
    {"the server's queues", server_side, always, [](Builder& b) { b.lengthen_queues(); }},
    {"waiting for the near end", link_side, always, [](Builder& b) { b.on(link_side).wait_until_up(near.index); }},
    {"waiting for the far end", link_side, always, [](Builder& b) { b.on(link_side).wait_until_up(far.index); }},
    {"waiting for the client's interface", client_side, always,
     [](Builder& b) { b.on(client_side).wait_until_up(a0.index); }},
    {"waiting for the server's interface", server_side, always,
     [](Builder& b) { b.on(server_side).wait_until_up(b0.index); }},
    {"the client's sysctls", client_side, always, [](Builder& b) { b.set_other_sysctls(); }},
    {"the server's sysctls", server_side, always, [](Builder& b) { b.set_other_sysctls(); }},
};

}  // namespace

Sysctl parse_sysctl(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || !text.starts_with("net."))
    throw std::invalid_argument(fmt::format(
        "'{}' should look like net.ipv4.tcp_syn_retries=1: only sysctls of a network namespace can be set", text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void show_blackhole(const Network& network) {
  Netlink().set_up(dead_end.index);
  const Visit client(network.client, network.link);
  checksums_in_software(d0.name);
  Netlink().wait_until_up(d0.index);
}

void checksums_in_software(const char* interface) {
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  checked(::ioctl(socket.get(), SIOCETHTOOL, &request), "ETHTOOL_STXCSUM");
}

size_t network_steps() {
  return std::size(steps);
}

Network build_network(const std::vector<Sysctl>& sysctls, size_t fail_at) {
  const auto cannot_be_built = [](const char* step, const std::system_error& error) {
    return Unavailable(fmt::format("the lab's network cannot be built: {}: {}", step, with_remedy(error)));
  };
  Builder builder(sysctls);
  try {
    for (const Side side : {client_side, server_side, link_side}) builder.open(side);
  } catch (const std::system_error& error) {
    throw cannot_be_built("its namespaces", error);
  }
  for (size_t i = 0; i < std::size(steps); ++i) {
    const Step& step = steps[i];
    if (step.condition == with_ipv6 && !builder.ipv6()) continue;
    try {
      if (i == fail_at) throw std::system_error(ECANCELED, std::generic_category(), "failed on request");
      builder.enter(step.side);
      step.run(builder);
    } catch (const std::system_error& error) {
      throw cannot_be_built(step.name, error);
    }
  }
  builder.enter(link_side);
  return builder.finish();
}

void enter(const UniqueFd& network_namespace) {
  checked(::setns(network_namespace.get(), CLONE_NEWNET), "setns");
}

Visit::Visit(const UniqueFd& there, const UniqueFd& home) : home_(home) {
  enter(there);
}

// Continuing in the wrong namespace would invalidate every result.
Visit::~Visit() {
  if (::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace connbench::lab
