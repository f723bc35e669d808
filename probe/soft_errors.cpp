// An ICMP error that arrives while connect() still holds the socket. Between two network namespaces joined by a veth
// pair everything happens inside the sender's own system call: the SYN goes over, the router's answer comes back, and
// TCP may not touch the socket, because connect() is not done with it. It notes the error and goes on.
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>

#include "harness/lab/addresses.h"
#include "harness/lab/netlink.h"
#include "harness/lab/network.h"
#include "probe/attempt_states.h"
#include "probe/probe.h"

namespace connbench::probe {
namespace {

constexpr lab::VethEnd asking{"asking", 40, {2, 0, 0, 0, 0, 40}};
constexpr lab::VethEnd router{"router", 41, {2, 0, 0, 0, 0, 41}};
constexpr uint32_t router_address = lab::ipv4_address(lab::Block::own_network, 0);
constexpr lab::Block nowhere = lab::Block::no_route;

// A router answers one host some five times in a row, and then once a second: each socket has an address of its own.
uint32_t asking_address(size_t n) {
  return lab::ipv4_address(lab::Block::own_network, static_cast<uint32_t>(n + 1));
}

UniqueFd own_namespace() {
  return UniqueFd(checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "its namespace"));
}

void write_sysctl(const char* path, const char* value) {
  const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
  checked(static_cast<int>(::write(file.get(), value, 1)), path);
}

// Leaves this process in a namespace that routes everything to the other one, which routes nothing on.
void make_network_of_two(size_t addresses) {
  checked(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  const UniqueFd other = own_namespace();
  lab::Netlink on_router;
  write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
  checked(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  lab::Netlink here;
  here.add_veth(asking, router, other.get());

  const auto destination = lab::IpPrefix::ipv4(lab::ipv4_base(nowhere), lab::ipv4_prefix(nowhere));
  const auto next = lab::IpPrefix::ipv4(router_address);
  here.set_up(asking.index);
  on_router.set_up(router.index);
  on_router.add_address(router.index, lab::IpPrefix::ipv4(router_address, 24));
  for (size_t i = 0; i < addresses; ++i) {
    here.add_address(asking.index, lab::IpPrefix::ipv4(asking_address(i), 24));
    on_router.add_neighbour(router.index, lab::IpPrefix::ipv4(asking_address(i)), asking.mac);
  }
  here.add_neighbour(asking.index, next, router.mac);
  here.add_route(destination, {.type = RTN_UNICAST, .interface = asking.index, .gateway = &next});
  on_router.add_route(destination, {.type = RTN_UNREACHABLE});
  here.wait_until_up(asking.index);
  on_router.wait_until_up(router.index);
}

// On a busy machine bind() has been seen not to know the address yet (EADDRNOTAVAIL), although it was added.
void bind_to(int fd, const Endpoint& from) {
  const TimePoint end = now() + patience;
  int result = 0;
  while ((result = ::bind(fd, from.address(), from.size())) < 0 && errno == EADDRNOTAVAIL && now() < end)
    sleep_until(now() + std::chrono::milliseconds(1));
  checked(result, "bind to an address that was added");
}

}  // namespace

Attempts soft_errors(size_t count) {
  make_network_of_two(count);
  const Endpoint to = Endpoint::ipv4(lab::ipv4_address(nowhere, 0), 9);
  Attempts attempts{.to = to, .connect_error = 0, .fds = {}, .kept = {}};
  for (size_t i = 0; i < count; ++i) {
    UniqueFd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    bind_to(fd.get(), Endpoint::ipv4(asking_address(i), 0));
    attempts.connect_error = ::connect(fd.get(), to.address(), to.size()) < 0 ? errno : 0;
    attempts.fds.push_back(std::move(fd));
  }
  return attempts;
}

}  // namespace connbench::probe
