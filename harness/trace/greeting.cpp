#include "harness/trace/greeting.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "harness/lab/addresses.h"
#include "harness/targets/served_target.h"

namespace connbench::trace {
namespace {

constexpr uint16_t port = 20000;
constexpr size_t greeting_bytes = 255;

std::array<char, greeting_bytes> greeting() {
  std::array<char, greeting_bytes> text{};
  const time_t seconds = ::time(nullptr);
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  ::strftime(text.data(), text.size(), "welcome to our server. timestamp on server: %a %b %e %H:%M:%S %Y UTC\n", &utc);
  return text;
}

[[noreturn]] void serve(std::span<const int> listeners) {
  for (;;) {
    const UniqueFd connection(::accept(listeners[0], nullptr, nullptr));
    if (!connection) continue;
    const auto text = greeting();
    [[maybe_unused]] const ssize_t sent = ::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
}

// A textbook client. Fills `read_into` and returns 0, or the errno of the call that failed.
int greet(const Endpoint& server, std::span<char> read_into) {
  const int fd = ::socket(server.family(), SOCK_STREAM, 0);
  if (fd < 0) return errno;
  if (::connect(fd, server.address(), server.size()) < 0) {
    const int error = errno;
    ::close(fd);
    return error;
  }
  size_t filled = 0;
  ssize_t got = 0;
  while ((got = ::read(fd, read_into.data() + filled, read_into.size() - filled)) > 0)
    filled += static_cast<size_t>(got);
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  return error;
}

void run(const ClientContext& context) {
  Sample& sample = context.samples.front();
  std::array<char, 2 * greeting_bytes> text{};
  sample.state = Sample::State::submitted;
  context.recording = true;
  sample.started_ns = to_ns(now());
  sample.os_error = static_cast<int16_t>(greet(context.target.endpoints().front(), text));
  sample.finished_ns = to_ns(now());
  context.recording = false;
  sample.outcome = classify({.call = connbench::Call::connect, .error = sample.os_error}).outcome;
  sample.stage = sample.os_error == 0 ? Stage::none : Stage::connect;
  sample.state = Sample::State::done;
  const std::string_view line = std::string_view(text.data()).substr(0, std::string_view(text.data()).find('\n'));
  line.copy(context.message.data(), std::min(line.size(), context.message.size() - 1));
}

}  // namespace

std::unique_ptr<Target> open_greeting(lab::Lab& lab, Family family, const lab::LinkRule& rule) {
  const lab::Block block = lab.add_far(rule);
  const auto there = lab.visit_server();
  const Endpoint endpoint = family == Family::ipv6 ? Endpoint::ipv6(lab::ipv6_address(block, 0), port)
                                                   : Endpoint::ipv4(lab::ipv4_address(block, 0), port);
  const Endpoint any = family == Family::ipv6 ? Endpoint::ipv6(in6addr_any, port) : Endpoint::ipv4(0, port);
  BoundSockets bound;
  bound.endpoints.push_back(endpoint);
  bound.sockets.emplace_back(checked(::socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::bind(bound.sockets[0].get(), any.address(), any.size()), "bind");
  checked(::listen(bound.sockets[0].get(), 10), "listen");
  return std::make_unique<ServedTarget>(std::move(bound), std::vector<int>{}, serve);
}

Client greeting_client() {
  return {
      .name = "socket, connect, read to the end, close", .attempts = 1, .limit = std::chrono::seconds(20), .run = run};
}

}  // namespace connbench::trace
