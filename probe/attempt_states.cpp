#include "probe/attempt_states.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "probe/probe.h"

namespace connbench::probe {
namespace {

Attempts begin(
    const Endpoint& to, size_t count, void (*prepare)(int fd) = [](int) {}) {
  Attempts attempts{.to = to, .connect_error = 0, .fds = {}, .kept = {}};
  for (size_t i = 0; i < count; ++i) {
    UniqueFd fd = tcp_socket(SOCK_NONBLOCK);
    prepare(fd.get());
    attempts.connect_error = ::connect(fd.get(), to.address(), to.size()) < 0 ? errno : 0;
    attempts.fds.push_back(std::move(fd));
  }
  return attempts;
}

// poll() reports a state without consuming the pending error.
void wait_until(const Attempts& attempts, short events) {
  for (const UniqueFd& fd : attempts.fds)
    if ((wait_for(fd.get(), events) & events) == 0) throw std::runtime_error("a socket did not reach its state");
}

// Connects, then lets `server` act on the accepted socket.
template <typename Server>
Attempts accepted_then(size_t count, short events, Server server) {
  Listener listener = listen_on_loopback();
  Attempts attempts = begin(listener.at, count);
  for (size_t i = 0; i < count; ++i) {
    UniqueFd accepted(checked(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
    server(accepted);
    if (accepted) attempts.kept.push_back(std::move(accepted));
  }
  attempts.kept.push_back(std::move(listener.fd));
  wait_until(attempts, events);
  return attempts;
}

void send_a_byte(UniqueFd& accepted) {
  checked(static_cast<int>(::send(accepted.get(), "x", 1, MSG_NOSIGNAL)), "send");
}

void reset(UniqueFd& accepted) {
  reset_on_close(accepted.get());
  accepted.reset(-1);
}

Attempts ended(Attempts attempts) {
  wait_until(attempts, POLLERR);
  return attempts;
}

// With a single retransmission the kernel gives up after about 3 s, whatever the sysctls are.
void give_up_soon(int fd) {
  const int one = 1;
  checked(::setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof one), "TCP_SYNCNT");
}

void fast_open(int fd) {
  const int on = 1;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) != 0)
    throw NotTestable("this kernel has no TCP_FASTOPEN_CONNECT (since Linux 4.11)");
}

// Lets the listeners of this network that ask for it give cookies: net.ipv4.tcp_fastopen is a set of bits.
void allow_cookies() {
  const UniqueFd sysctl(::open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC));
  if (!sysctl || ::write(sysctl.get(), "3", 1) != 1)
    throw NotTestable(fmt::format("net.ipv4.tcp_fastopen cannot be set: {}", std::strerror(errno)));
}

// A first connection gets the cookie. Each of the others then waits for data that its SYN could carry.
Attempts with_cookie(size_t count) {
  allow_cookies();
  Listener listener = listen_on_loopback();
  const int most_pending = 64;
  checked(::setsockopt(listener.fd.get(), IPPROTO_TCP, TCP_FASTOPEN, &most_pending, sizeof most_pending),
          "TCP_FASTOPEN");
  const Attempts first = begin(listener.at, 1, fast_open);
  wait_until(first, POLLOUT);
  Attempts attempts = begin(listener.at, count, fast_open);
  if (attempts.connect_error != 0) throw std::runtime_error("connect() did not wait for data, in spite of a cookie");
  attempts.kept.push_back(std::move(listener.fd));
  return attempts;
}

// TCP has no broadcast: connect() fails with ENETUNREACH and sends nothing.
Endpoint broadcast_address_of_loopback() {
  return Endpoint::ipv4(INADDR_LOOPBACK | 0x00ffffffU, 9);
}

}  // namespace

std::string_view to_string(AttemptState state) noexcept {
  switch (state) {
    case AttemptState::pending:
      return "pending";
    case AttemptState::accepted:
      return "accepted";
    case AttemptState::data_waiting:
      return "accepted, data waiting";
    case AttemptState::fin_received:
      return "accepted, FIN received";
    case AttemptState::reset:
      return "accepted, then RST";
    case AttemptState::refused:
      return "refused";
    case AttemptState::timed_out:
      return "timed out";
    case AttemptState::unreachable:
      return "unreachable (ICMP)";
    case AttemptState::soft_error:
      return "ICMP while connect() holds the socket";
    case AttemptState::fast_open:
      return "TCP Fast Open, SYN not sent";
    case AttemptState::failed_at_once:
      return "connect() failed at once, errno ignored";
  }
  return "";
}

Attempts attempts_in(AttemptState state, size_t count, Surroundings& here) {
  switch (state) {
    case AttemptState::pending:
      return begin(here.silent(), count);
    case AttemptState::accepted:
      return accepted_then(count, POLLOUT, [](UniqueFd&) {});
    case AttemptState::data_waiting:
      return accepted_then(count, POLLIN, send_a_byte);
    case AttemptState::fin_received:
      return accepted_then(count, POLLRDHUP, [](UniqueFd& accepted) { accepted.reset(-1); });
    case AttemptState::reset:
      return accepted_then(count, POLLERR, reset);
    case AttemptState::refused:
      return ended(begin(here.closed_port(), count));
    case AttemptState::timed_out:
      return ended(begin(here.silent(), count, give_up_soon));
    case AttemptState::unreachable:
      if (!here.has_lab()) throw NotTestable("a router that answers exists only in the lab");
      return ended(begin(here.far_closed_port({.answer = lab::LinkRule::Answer::host_unreachable}), count));
    case AttemptState::soft_error:
      if (!here.has_lab()) throw NotTestable("a network of two hosts can be created only in the lab");
      return soft_errors(count);
    case AttemptState::fast_open:
      if (!here.has_lab()) throw NotTestable("a network whose servers give cookies can be created only in the lab");
      return with_cookie(count);
    case AttemptState::failed_at_once:
      return begin(broadcast_address_of_loopback(), count);
  }
  throw std::logic_error("no such state");
}

}  // namespace connbench::probe
