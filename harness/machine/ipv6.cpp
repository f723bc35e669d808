#include "harness/machine/ipv6.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "harness/machine/machine.h"
#include "harness/support/unique_fd.h"

namespace connbench {

std::optional<std::string> why_no_ipv6() {
  const UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket && errno == EAFNOSUPPORT)
    return "this kernel has no IPv6: it was built or started without it (ipv6.disable=1)";
  sockaddr_in6 any_port{};
  any_port.sin6_family = AF_INET6;
  any_port.sin6_addr = in6addr_loopback;
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any_port), sizeof any_port) == 0)
    return std::nullopt;  // no descriptor is left: a lack of something else
  if (sysctl("net.ipv6.conf.lo.disable_ipv6") != "0")
    return "this machine has no IPv6 on loopback; as root: sysctl -w net.ipv6.conf.lo.disable_ipv6=0; in a container: "
           "docker run --sysctl net.ipv6.conf.all.disable_ipv6=0";
  return "this machine has no address ::1 on loopback; as root: ip link set lo up, or ip address add ::1/128 dev lo";
}

}  // namespace connbench
