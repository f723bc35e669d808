#include <fmt/format.h>
#include <poll.h>

#include "harness/targets/served_target.h"

namespace connbench::targets {
namespace {

/// A non-blocking connect. `error` is connect()'s errno, 0 = connected.
struct Try {
  UniqueFd socket;
  int error;
};

Try try_connecting(const Endpoint& endpoint) {
  UniqueFd socket(checked(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  const int error = ::connect(socket.get(), endpoint.address(), endpoint.size()) < 0 ? errno : 0;
  return {std::move(socket), error};
}

[[noreturn]] void fail(int error, const Endpoint& endpoint, std::string_view what) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("backlog-full {}: {}", endpoint.to_string(), what));
}

/// listen(0) leaves room for one connection. Returns once it is in the queue, which is slightly after connect() has
/// returned.
UniqueFd fill(const UniqueFd& listener, const Endpoint& endpoint) {
  Try filling = try_connecting(endpoint);
  if (filling.error != 0 && filling.error != EINPROGRESS)
    fail(filling.error, endpoint, "the connect that fills the queue failed");
  pollfd queue{.fd = listener.get(), .events = POLLIN, .revents = 0};
  if (checked(::poll(&queue, 1, 1000), "poll") == 0)
    fail(ETIMEDOUT, endpoint, "the connect that fills the queue did not arrive");
  return std::move(filling.socket);
}

/// One more connect to each endpoint must stay pending or, on a UNIX socket, find the queue full.
void check_full(const std::vector<Endpoint>& endpoints) {
  std::vector<UniqueFd> pending;
  std::vector<pollfd> polled;
  for (const Endpoint& endpoint : endpoints) {
    Try probe = try_connecting(endpoint);
    const int expected = endpoint.family() == AF_UNIX ? EAGAIN : EINPROGRESS;
    if (probe.error != expected)
      fail(probe.error == 0 ? EISCONN : probe.error, endpoint, "a connect to the full queue should not have completed");
    if (probe.error == EAGAIN) continue;
    polled.push_back({.fd = probe.socket.get(), .events = POLLOUT, .revents = 0});
    pending.push_back(std::move(probe.socket));
  }
  if (checked(::poll(polled.data(), polled.size(), 10), "poll") == 0) return;
  for (size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents != 0) fail(EISCONN, endpoints[i], "a connect to the full queue was answered");
  }
}

/// The server never accepts: with SYN cookies, a single accept() would let every pending connect through.
std::unique_ptr<Target> open_backlog_full(const TargetRequest& request) {
  BoundSockets bound = bind_loopback(request);
  listen_on(bound, 0);
  std::vector<UniqueFd> fillings;
  for (size_t i = 0; i < bound.endpoints.size(); ++i) fillings.push_back(fill(bound.sockets[i], bound.endpoints[i]));
  check_full(bound.endpoints);
  for (UniqueFd& filling : fillings) bound.sockets.push_back(std::move(filling));
  return std::make_unique<ServedTarget>(std::move(bound), request.cpus, hold_open);
}

/// A UNIX socket has no handshake to wait for: a non-blocking connect fails with EAGAIN at once, a blocking one waits.
OutcomeSet expected_outcomes(Family family) {
  using enum Outcome;
  if (family == Family::unix_domain) return {refused, deadline_exceeded, cancelled, never_started};
  return {deadline_exceeded, peer_timeout, cancelled, never_started};
}

}  // namespace

extern const TargetEntry backlog_full;
const TargetEntry backlog_full{
    .name = "backlog-full",
    .summary =
        "a listener with a full queue: SYNs are dropped, connects stay pending; unix: refuses non-blocking connects",
    .families = every_family,
    .answers = false,
    .expected_outcomes = expected_outcomes,
    .open = open_backlog_full,
};

}  // namespace connbench::targets
