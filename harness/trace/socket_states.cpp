#include "harness/trace/socket_states.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "harness/support/clock.h"

namespace connbench::trace {
namespace {

struct Request {
  nlmsghdr header{};
  inet_diag_req_v2 body{};
};

Request request(sa_family_t family, int flags) {
  Request request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0U;
  request.body.id.idiag_cookie[0] = request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

void write_address(const Endpoint& endpoint, uint32_t (&address)[4], uint16_t& port) {
  if (endpoint.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(endpoint.address());
    std::memcpy(address, &v6->sin6_addr, sizeof v6->sin6_addr);
    port = v6->sin6_port;
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(endpoint.address());
    address[0] = v4->sin_addr.s_addr;
    port = v4->sin_port;
  }
}

Endpoint read_address(sa_family_t family, const uint32_t (&address)[4], uint16_t port) {
  if (family == AF_INET) return Endpoint::ipv4(ntohl(address[0]), ntohs(port));
  in6_addr v6{};
  std::memcpy(&v6, address, sizeof v6);
  return Endpoint::ipv6(v6, ntohs(port));
}

// Passes every message of one datagram to `take`. Returns false after the last datagram.
template <class Take>
bool take_messages(int socket, Take take) {
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
  auto left = static_cast<unsigned>(std::max<ssize_t>(got, 0));
  for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
       message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return false;
    if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) take(*reinterpret_cast<inet_diag_msg*>(NLMSG_DATA(message)));
  }
  return got > 0;
}

bool is_loopback(const Endpoint& endpoint) {
  if (endpoint.family() == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(endpoint.address())->sin6_addr);
  return ntohl(reinterpret_cast<const sockaddr_in*>(endpoint.address())->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool is_over(int state) {
  return state == 0 || state == TCP_LISTEN || state == TCP_CLOSE;
}

}  // namespace

SocketDiagnostics::SocketDiagnostics()
    : socket_(checked(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), "socket(NETLINK_SOCK_DIAG)")) {}

int SocketDiagnostics::state(const Endpoint& local, const Endpoint& remote) const {
  Request about = request(local.family(), 0);
  write_address(local, about.body.id.idiag_src, about.body.id.idiag_sport);
  write_address(remote, about.body.id.idiag_dst, about.body.id.idiag_dport);
  if (::send(socket_.get(), &about, sizeof about, 0) < 0) return 0;
  int state = 0;
  take_messages(socket_.get(), [&](const inet_diag_msg& found) { state = found.idiag_state; });
  return state;
}

std::vector<Connection> SocketDiagnostics::find(std::span<const Endpoint> servers) const {
  std::vector<Connection> found;
  for (const sa_family_t family : {sa_family_t{AF_INET}, sa_family_t{AF_INET6}})
    if (std::ranges::any_of(servers, [=](const Endpoint& server) { return server.family() == family; }))
      find(family, servers, found);
  return found;
}

void SocketDiagnostics::find(sa_family_t family, std::span<const Endpoint> servers,
                             std::vector<Connection>& found) const {
  Request about = request(family, NLM_F_DUMP);
  about.body.idiag_states &= ~(1U << TCP_LISTEN);
  if (::send(socket_.get(), &about, sizeof about, 0) < 0) return;
  while (take_messages(socket_.get(), [&](const inet_diag_msg& socket) {
    const Endpoint remote = read_address(family, socket.id.idiag_dst, socket.id.idiag_dport);
    if (std::ranges::count(servers, remote) == 0) return;
    found.push_back({read_address(family, socket.id.idiag_src, socket.id.idiag_sport), remote});
  })) {
  }
}

void StateWatch::add(const Connection& connection) {
  if (std::ranges::count(servers_, connection.server) == 0 || std::ranges::count(foreign_, connection) != 0) return;
  if (std::ranges::count(connections_, connection) != 0) return;
  connections_.push_back(connection);
  ends_.emplace_back();
  look_at(connections_.size() - 1);
}

void StateWatch::discover() {
  for (const Connection& connection : client_.find(servers_)) add(connection);
}

void StateWatch::look() {
  looks_.push_back(to_ns(now()));
  for (size_t i = 0; i < ends_.size(); ++i) look_at(i);
}

void StateWatch::look_at(size_t index) {
  const Connection& connection = connections_[index];
  Ends& ends = ends_[index];
  const bool closed = ends.client_existed && is_over(ends.client) && (!ends.server_existed || is_over(ends.server));
  const int64_t begun = to_ns(now());
  // Once both ends have closed, poll less often: only the other end may still change.
  if (!closed || begun - ends.looked_ns > 1'000'000) {
    const int64_t not_before = ends.looked_ns;
    ends.looked_ns = begun;
    note(index, Side::client, ends.client, ends.client_existed, client_.state(connection.client, connection.server),
         not_before);
    const SocketDiagnostics& there = is_loopback(connection.server) ? client_ : server_;
    note(index, Side::server, ends.server, ends.server_existed, there.state(connection.server, connection.client),
         not_before);
  }
}

// A listener counts only before the connection's own socket exists; afterwards it means that the socket is gone.
void StateWatch::note(size_t index, Side side, int& before, bool& existed, int state, int64_t not_before) {
  if (existed && state == TCP_LISTEN) state = 0;
  if (state == before || (before == -1 && state == 0 && side == Side::server)) return;
  before = state;
  existed = existed || (state != 0 && state != TCP_LISTEN);
  seen_.push_back({index, side, state, not_before, to_ns(now())});
}

bool StateWatch::settled(bool closed) const noexcept {
  return std::ranges::all_of(ends_, [=](const Ends& ends) {
    const bool client_done = is_over(ends.client) || ends.client == -1 || (!closed && ends.client == TCP_TIME_WAIT);
    const bool server_done = is_over(ends.server) || ends.server == -1 || (!closed && ends.server == TCP_TIME_WAIT);
    return client_done && server_done;
  });
}

}  // namespace connbench::trace
