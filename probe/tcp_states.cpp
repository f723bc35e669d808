#include "probe/tcp_states.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "harness/support/kernel_names.h"
#include "harness/support/unique_fd.h"

namespace connbench::probe {

int tcp_state_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  checked(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), "TCP_INFO");
  return info.tcpi_state;
}

std::string describe(const ListedSocket& socket) {
  return fmt::format("port {} to port {} {}", socket.local_port, socket.remote_port, tcp_state_name(socket.state));
}

// "  0: 0100007F:8001 0100007F:4E20 02 00000000:00000000 01:00000064 …", all but the last two in hexadecimal.
std::vector<ListedSocket> sockets_at_port(uint16_t port) {
  std::vector<ListedSocket> found;
  std::ifstream file("/proc/thread-self/net/tcp");
  const Duration tick = Duration(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK);
  for (std::string line; std::getline(file, line);) {
    unsigned local = 0, remote = 0, state = 0, timer = 0;
    unsigned long ticks = 0;
    if (::sscanf(line.c_str(), " %*u: %*x:%x %*x:%x %x %*x:%*x %x:%lx", &local, &remote, &state, &timer, &ticks) != 5)
      continue;
    if (local != port || state == TCP_LISTEN) continue;
    found.push_back({static_cast<uint16_t>(local), static_cast<uint16_t>(remote), static_cast<int>(state),
                     static_cast<int>(timer), tick * static_cast<int64_t>(ticks)});
  }
  return found;
}

}  // namespace connbench::probe
