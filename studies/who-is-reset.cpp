// What becomes of a client whose ACK finds the server's accept queue full? A program of plain system calls.
//
//   c++ -O2 who-is-reset.cpp -o who-is-reset && ./who-is-reset 64
//
// On loopback the whole handshake is done within connect(), so that only a SYN can find the queue full, and the kernel
// drops it. A client further away sends its ACK a round trip after its SYN, and the queue may have filled meanwhile.
// Here that is made to happen, in a network namespace of its own: the client's socket has a filter that drops all
// packets, so that it does not see the SYN+ACK. Another connection fills the queue. Then the filter is removed, the
// server repeats its SYN+ACK (after a second), and the client answers it with an ACK.
//
// It needs Linux and a user namespace (or root), and no library. The answer is one JSON object on stdout. Status 0, or
// 3 if the machine lacks something.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <vector>

namespace {

constexpr int patience_ms = 4000;  // the server repeats its SYN+ACK after 1 s, and again after 3 s
constexpr int settle_ms = 300;     // for a reset that follows

struct Counts {
  int connected = 0, reset = 0, other = 0;
};

[[noreturn]] void give_up(const char* what) {
  fprintf(stderr, "who-is-reset: %s: %s\n", what, strerror(errno));
  exit(3);
}

void enter_network() {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) give_up("no network namespace");
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) give_up("loopback cannot be set up");
  close(fd);
}

void set_abort(bool abort) {
  const int fd = open("/proc/sys/net/ipv4/tcp_abort_on_overflow", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, abort ? "1" : "0", 1) != 1) give_up("net.ipv4.tcp_abort_on_overflow");
  close(fd);
}

int tcp_socket(int more) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | more, 0);
  if (fd < 0) give_up("socket");
  return fd;
}

struct Pair {
  int listener, client, filler;
};

// A client that does not see its SYN+ACK, and a queue that is full by then: with a backlog of 0 it holds one
// connection.
Pair begin() {
  const Pair made{tcp_socket(0), tcp_socket(SOCK_NONBLOCK), tcp_socket(0)};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof to;
  sockaddr* const address = reinterpret_cast<sockaddr*>(&to);
  if (bind(made.listener, address, size) != 0 || listen(made.listener, 0) != 0 ||
      getsockname(made.listener, address, &size) != 0)
    give_up("the listener");
  sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &drop};
  if (setsockopt(made.client, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) give_up("a filter");
  if (connect(made.client, address, size) == 0 || errno != EINPROGRESS) give_up("the client's connect");
  if (connect(made.filler, address, size) != 0) give_up("the connection that fills the queue");
  const int unused = 0;
  if (setsockopt(made.client, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) != 0) give_up("removing a filter");
  return made;
}

bool has_ended(int client) {
  pollfd one{client, POLLOUT, 0};
  return poll(&one, 1, patience_ms) == 1;
}

int so_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Counts attempt(int attempts, bool abort) {
  set_abort(abort);
  std::vector<Pair> pairs;
  for (int i = 0; i < attempts; ++i) pairs.push_back(begin());
  std::vector<bool> ended;
  for (const Pair& one : pairs) ended.push_back(has_ended(one.client));
  poll(nullptr, 0, settle_ms);
  Counts counts;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const int error = so_error(pairs[i].client);
    ++(ended[i] && error == ECONNRESET ? counts.reset : ended[i] && error == 0 ? counts.connected : counts.other);
  }
  for (const Pair& one : pairs)
    for (const int fd : {one.listener, one.client, one.filler}) close(fd);
  return counts;
}

void print(const char* name, const Counts& counts, const char* end) {
  printf("  \"%s\": {\"connected\": %d, \"reset\": %d, \"other\": %d}%s\n", name, counts.connected, counts.reset,
         counts.other, end);
}

}  // namespace

int main(int argc, char** argv) {
  const int attempts = argc > 1 ? atoi(argv[1]) : 64;
  if (argc > 2 || attempts < 1) {
    fputs("usage: who-is-reset [ATTEMPTS]\n", stderr);
    return 2;
  }
  enter_network();
  const Counts drop = attempt(attempts, false), abort = attempt(attempts, true);
  utsname machine;
  uname(&machine);
  printf("{\n  \"kernel\": \"%s\", \"attempts\": %d,\n", machine.release, attempts);
  print("drop", drop, ",");
  print("abort", abort, "");
  puts("}");
  return 0;
}
