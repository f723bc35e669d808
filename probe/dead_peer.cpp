#include "probe/dead_peer.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "probe/probe.h"

namespace connbench::probe {

void make_deaf(int fd) {
  sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog filter{1, drop_all};
  const int result = ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  if (result < 0 && errno == EPERM)
    throw NotTestable("making a peer deaf takes a socket filter, which this user may set only in the lab");
  checked(result, "SO_ATTACH_FILTER");
}

// TCP_REPAIR is meant for moving a connection to another machine (checkpointing): in this mode close() sends nothing.
void forget(UniqueFd socket) {
  const int on = 1;
  checked(::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), "TCP_REPAIR");
}

}  // namespace connbench::probe
