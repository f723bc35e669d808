#include "probe/surroundings.h"

#include <poll.h>
#include <sys/socket.h>

#include "harness/lab/addresses.h"
#include "harness/targets/loopback_sockets.h"

namespace connbench::probe {
namespace {

constexpr uint16_t discard_port = 9;  // RFC 863; nothing in the lab listens on this port
constexpr uint16_t first_far_port = 17'000;

uint16_t far_port(lab::Block block) {
  return static_cast<uint16_t>(first_far_port + static_cast<uint16_t>(block));
}

}  // namespace

UniqueFd tcp_socket(int flags) {
  return UniqueFd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket"));
}

void reset_on_close(int fd) {
  const linger no_time{.l_onoff = 1, .l_linger = 0};
  checked(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_time, sizeof no_time), "SO_LINGER");
}

Listener listen_on_loopback(Family family) {
  UniqueFd fd(checked(::socket(address_family(family), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  if (family == Family::unix_domain) {
    const sa_family_t autobind = AF_UNIX;  // the kernel chooses an abstract name
    checked(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&autobind), sizeof autobind), "bind");
  } else {
    const Endpoint any =
        family == Family::ipv6 ? Endpoint::ipv6(in6addr_loopback, 0) : Endpoint::ipv4(INADDR_LOOPBACK, 0);
    checked(::bind(fd.get(), any.address(), any.size()), "bind");
  }
  checked(::listen(fd.get(), longest_backlog()), "listen");
  const Endpoint at = Endpoint::of_socket(fd.get());
  return {std::move(fd), at};
}

Pair connected_pair() {
  const Listener listener = listen_on_loopback();
  UniqueFd client = tcp_socket();
  checked(::connect(client.get(), listener.at.address(), listener.at.size()), "connect");
  UniqueFd server(checked(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  return {std::move(client), std::move(server)};
}

short wait_for(int fd, short events, Duration at_most) {
  pollfd polled{.fd = fd, .events = events, .revents = 0};
  const timespec limit = to_timespec(at_most);
  return ::ppoll(&polled, 1, &limit, nullptr) > 0 ? polled.revents : short{0};
}

Endpoint Surroundings::silent() {
  if (has_lab()) return Endpoint::ipv4(lab::ipv4_address(lab::Block::blackhole, 1), discard_port);
  targets_.push_back(find_target("backlog-full").open({}));
  return targets_.back()->endpoints()[0];
}

Endpoint Surroundings::closed_port() {
  BoundSockets bound = bind_loopback({});  // bound but never listening
  held_.push_back(std::move(bound.sockets.front()));
  return bound.endpoints.front();
}

Listener Surroundings::far_listener(const lab::LinkRule& rule) {
  const lab::Block block = lab().add_far(rule);
  const auto there = lab().visit_server();
  UniqueFd fd = tcp_socket();
  const Endpoint any = Endpoint::ipv4(INADDR_ANY, far_port(block));
  checked(::bind(fd.get(), any.address(), any.size()), "bind");
  checked(::listen(fd.get(), longest_backlog()), "listen");
  return {std::move(fd), Endpoint::ipv4(lab::ipv4_address(block, 0), far_port(block))};
}

Endpoint Surroundings::far_closed_port(const lab::LinkRule& rule) {
  return Endpoint::ipv4(lab::ipv4_address(lab().add_far(rule), 0), discard_port);
}

Endpoint Surroundings::target(std::string_view name) {
  targets_.push_back(find_target(name).open({.lab = lab_}));
  return targets_.back()->endpoints()[0];
}

}  // namespace connbench::probe
