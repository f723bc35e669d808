// Does SO_ERROR 0 mean that a connect() has succeeded? A program of plain system calls.
//
//   c++ -O2 who-believes-zero.cpp -o who-believes-zero && ./who-believes-zero 20000
//
// It needs Linux, two processors and a user namespace (or root), and no library. In a network namespace of its own, a
// client connects to a listener on loopback whose accept queue is full, so that no SYN is ever answered. A "router", a
// process on another processor, sees each SYN and answers it 100 us later with an ICMP error, "host unreachable". So no
// attempt can succeed, and each must end with EHOSTUNREACH.
//
// The client does what many programs do: wait with poll(), then ask for SO_ERROR and take 0 for success. It does so
// twice: `asleep` in poll(), as programs are, and, as a control, `awake`, calling poll() again and again without ever
// sleeping. The kernel (Linux 6.18: tcp_v4_err) first puts the error into the socket's error queue, which makes poll()
// report POLLERR and wakes who sleeps there, and then sets what SO_ERROR reads. Both can come in between.
//
// The answer is one JSON object on stdout. Status 0, or 3 if the machine lacks something.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr in_port_t port = 7000;
constexpr long delay_ns = 100'000;  // of the router's answer: the client waits by then
constexpr long patience_ns = 2'000'000'000;

struct Counts {
  long attempts, reported, zero, zero_with_pollerr_alone, zero_in_syn_sent, zero_in_close, zero_not_connected;
  long unreachable_afterwards, error_in_queue, other;
};

[[noreturn]] void give_up(const char* what) {
  fprintf(stderr, "who-believes-zero: %s: %s\n", what, strerror(errno));
  exit(3);
}

long now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000L + now.tv_nsec;
}

sockaddr_in address() {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}

void stay_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) give_up("sched_setaffinity");
}

// The first two processors that this process may use. On one alone, the client never runs while the kernel handles the
// error.
void choose_processors(int chosen[2]) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) give_up("sched_getaffinity");
  int found = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; ++cpu)
    if (CPU_ISSET(cpu, &set)) chosen[found++] = cpu;
  if (found == 2) return;
  fputs("who-believes-zero: two processors are needed, and this process may use one\n", stderr);
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

// With a backlog of 0, one connection that nobody accepts fills the queue. Later SYNs are dropped.
void fill_listener() {
  const sockaddr_in to = address();
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 || listen(listener, 0) != 0 ||
      connect(filler, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    give_up("the listener");
}

uint16_t checksum(const unsigned char* bytes, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < size; i += 2) sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

// Answers each SYN with "host unreachable", as RFC 792 wants it: with the IP header and 8 bytes of what it is about.
[[noreturn]] void be_the_router(int packets, int icmp) {
  for (;;) {
    unsigned char frame[256], answer[8 + 60 + 8] = {};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t length = recvfrom(packets, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &size);
    const long seen = now_ns();
    if (length < 40 || from.sll_pkttype != PACKET_HOST || frame[9] != IPPROTO_TCP) continue;
    const size_t header = static_cast<size_t>(frame[0] & 15) * 4;
    const unsigned char* tcp = frame + header;
    const bool is_syn = (tcp[13] & 0x12) == 0x02, is_ours = (tcp[2] << 8 | tcp[3]) == port;
    if (!is_syn || !is_ours) continue;
    answer[0] = ICMP_DEST_UNREACH, answer[1] = ICMP_HOST_UNREACH;
    memcpy(answer + 8, frame, header + 8);
    const uint16_t sum = checksum(answer, 8 + header + 8);
    memcpy(answer + 2, &sum, 2);
    while (now_ns() - seen < delay_ns) {
    }
    const sockaddr_in to = address();
    sendto(icmp, answer, 8 + header + 8, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
}

void start_router(int processor) {
  const int packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
  const int icmp = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (packets < 0 || icmp < 0) give_up("raw sockets");
  const pid_t parent = getpid(), child = fork();
  if (child < 0) give_up("fork");
  if (child != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  stay_on(processor);
  be_the_router(packets, icmp);
}

int so_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// The errno of the first entry of the socket's error queue; 0: it is empty. (Reading it may change what SO_ERROR
// reads.)
int queued_error(int fd) {
  alignas(cmsghdr) char control[512];
  char data[256];
  iovec part{data, sizeof data};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_IP || one->cmsg_type != IP_RECVERR) continue;
    sock_extended_err error;
    memcpy(&error, CMSG_DATA(one), sizeof error);
    return static_cast<int>(error.ee_errno);
  }
  return 0;
}

// What poll() reports: 0 if nothing came in time.
short wait_for(int fd, bool awake) {
  pollfd one{fd, POLLOUT, 0};
  const long end = now_ns() + patience_ns;
  while (poll(&one, 1, awake ? 0 : 2000) == 0)
    if (now_ns() > end) return 0;
  return one.revents;
}

// SO_ERROR was 0: is the socket connected? And what does SO_ERROR say a little later?
void look_closer(int fd, short revents, Counts& counts) {
  tcp_info info{};
  socklen_t size = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
  sockaddr_in peer{};
  socklen_t peer_size = sizeof peer;
  const bool not_connected = getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 && errno == ENOTCONN;
  ++counts.zero;
  counts.zero_with_pollerr_alone += revents == POLLERR;
  counts.zero_in_syn_sent += info.tcpi_state == TCP_SYN_SENT;
  counts.zero_in_close += info.tcpi_state == TCP_CLOSE;
  counts.zero_not_connected += not_connected;
  int error = 0;
  for (const long end = now_ns() + patience_ns; error == 0 && now_ns() < end;) error = so_error(fd);
  counts.unreachable_afterwards += error == EHOSTUNREACH;
  counts.error_in_queue += queued_error(fd) == EHOSTUNREACH;
}

Counts attempt(long attempts, bool awake) {
  Counts counts{};
  const sockaddr_in to = address();
  for (; counts.attempts < attempts; ++counts.attempts) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) give_up("socket");
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || errno != EINPROGRESS) give_up("connect");
    const short revents = wait_for(fd, awake);
    const int error = so_error(fd);
    if (revents != 0 && error == 0)
      look_closer(fd, revents, counts);
    else
      ++(error == EHOSTUNREACH ? counts.reported : counts.other);
    close(fd);
  }
  return counts;
}

void print(const char* name, const Counts& counts, const char* end) {
  printf(
      "  \"%s\": {\"attempts\": %ld, \"reported\": %ld, \"zero\": %ld, \"zero_with_pollerr_alone\": %ld,\n"
      "    \"zero_in_syn_sent\": %ld, \"zero_in_close\": %ld, \"zero_not_connected\": %ld,\n"
      "    \"unreachable_afterwards\": %ld, \"error_in_queue\": %ld, \"other\": %ld}%s\n",
      name, counts.attempts, counts.reported, counts.zero, counts.zero_with_pollerr_alone, counts.zero_in_syn_sent,
      counts.zero_in_close, counts.zero_not_connected, counts.unreachable_afterwards, counts.error_in_queue,
      counts.other, end);
}

}  // namespace

int main(int argc, char** argv) {
  const long attempts = argc > 1 ? atol(argv[1]) : 20'000;
  if (argc > 2 || attempts < 1) {
    fputs("usage: who-believes-zero [ATTEMPTS]\n", stderr);
    return 2;
  }
  int processors[2];
  choose_processors(processors);
  enter_network();
  fill_listener();
  start_router(processors[1]);
  stay_on(processors[0]);
  const Counts asleep = attempt(attempts, false), awake = attempt(attempts, true);
  utsname machine;
  uname(&machine);
  printf("{\n  \"kernel\": \"%s\", \"delay_us\": %ld, \"processors\": [%d, %d],\n", machine.release, delay_ns / 1000,
         processors[0], processors[1]);
  print("asleep", asleep, ",");
  print("awake", awake, "");
  puts("}");
  return 0;
}
