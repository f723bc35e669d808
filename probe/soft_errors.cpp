// Provokes an ICMP error that arrives while connect() still holds the socket. Between two network namespaces joined by
// a veth pair, everything happens inside the sender's own system call: the SYN goes out and the router's answer comes
// back while connect() has the socket locked. TCP can only record the error and continue.
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

// A router sends about five ICMP errors in a row to one host, then one per second: so each socket has its own address.
uint32_t asking_address(size_t n) {
  return lab::ipv4_address(lab::Block::own_network, static_cast<uint32_t>(n + 1));
}

UniqueFd own_namespace() {
  return UniqueFd(checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open(/proc/thread-self/ns/net)"));
}

void write_sysctl(const char* path, const char* value) {
  const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
  checked(static_cast<int>(::write(file.get(), value, 1)), path);
}

// Moves this process into a namespace that routes everything to a second one, which routes nothing further.
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

// On a busy machine, bind() has been seen to fail with EADDRNOTAVAIL although the address had been added.
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
    UniqueFd fd = tcp_socket(SOCK_NONBLOCK);
    bind_to(fd.get(), Endpoint::ipv4(asking_address(i), 0));
    attempts.connect_error = ::connect(fd.get(), to.address(), to.size()) < 0 ? errno : 0;
    attempts.fds.push_back(std::move(fd));
  }
  return attempts;
}

}  // namespace connbench::probe
