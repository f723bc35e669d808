#include "harness/trace/call_arguments.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <vector>

#include "harness/support/clock.h"
#include "harness/support/joined.h"
#include "harness/support/kernel_names.h"
#include "harness/support/units.h"

namespace connbench::trace {
namespace {

std::string address(const Call& call, size_t pointer, size_t length) {
  sa_family_t family = AF_UNSPEC;
  if (!call.load(call.arguments[pointer], family)) return "?";
  if (const auto endpoint = read_endpoint(call.memory, call.arguments[pointer], length)) return endpoint->to_string();
  return family == AF_UNSPEC ? "UNSPEC" : fmt::format("family {}", family);
}

// The address that getpeername() and similar calls have written.
std::string address_out(const Call& call, size_t pointer) {
  socklen_t length = 0;
  if (!call.load(call.arguments[pointer + 1], length)) return "?";
  return address(call, pointer, length);
}

std::string readiness(uint32_t events) {
  const auto names = epoll_event_names(events);
  return names.empty() ? "0" : joined(names, "|");
}

uint64_t shown_pollfds(const Call& call) {
  return std::min<uint64_t>(call.arguments[1], 8);
}

bool load_pollfd(const Call& call, uint64_t i, pollfd& into) {
  return call.load(call.arguments[0] + i * sizeof into, into);
}

std::string option_name(int level, int option) {
  struct Option {
    int level, option;
    const char* name;
  };
  constexpr Option options[] = {{SOL_SOCKET, SO_ERROR, "SO_ERROR"},
                                {SOL_SOCKET, SO_LINGER, "SO_LINGER"},
                                {SOL_SOCKET, SO_SNDTIMEO, "SO_SNDTIMEO"},
                                {SOL_SOCKET, SO_RCVTIMEO, "SO_RCVTIMEO"},
                                {SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"},
                                {SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"},
                                {SOL_SOCKET, SO_TYPE, "SO_TYPE"},
                                {IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY"},
                                {IPPROTO_TCP, TCP_INFO, "TCP_INFO"},
                                {IPPROTO_TCP, TCP_SYNCNT, "TCP_SYNCNT"},
                                {IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"},
                                {IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE"},
                                {IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL"},
                                {IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"}};
  for (const Option& known : options)
    if (known.level == level && known.option == option) return known.name;
  return fmt::format("level {} option {}", level, option);
}

}  // namespace

std::optional<Endpoint> read_endpoint(const Memory& memory, uint64_t address, size_t length) {
  sockaddr_storage storage{};
  const size_t got = memory.read(address, &storage, std::min(length, sizeof storage));
  if (storage.ss_family == AF_INET && got >= sizeof(sockaddr_in)) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return Endpoint::ipv4(ntohl(v4.sin_addr.s_addr), ntohs(v4.sin_port));
  }
  if (storage.ss_family == AF_INET6 && got >= offsetof(sockaddr_in6, sin6_scope_id)) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    return Endpoint::ipv6(v6.sin6_addr, ntohs(v6.sin6_port), v6.sin6_scope_id);
  }
  return std::nullopt;
}

std::string time_of(const Call& call, size_t pointer) {
  timespec time{};
  if (call.arguments[pointer] == 0) return "none";
  if (!call.load(call.arguments[pointer], time)) return "?";
  return format_duration(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec));
}

std::string timeout_in_ms(int timeout) {
  return timeout < 0 ? "none" : format_duration(std::chrono::milliseconds(timeout));
}

std::string socket_in(const Call& call) {
  const int type = call.number(1) & 0xf;
  std::string text = call.fd() == AF_INET    ? "INET"
                     : call.fd() == AF_INET6 ? "INET6"
                     : call.fd() == AF_UNIX  ? "UNIX"
                                             : "?";
  text += type == SOCK_STREAM ? ", STREAM" : type == SOCK_DGRAM ? ", DGRAM" : fmt::format(", type {}", type);
  if ((call.number(1) & SOCK_NONBLOCK) != 0) text += "|NONBLOCK";
  return text;
}

std::string setsockopt_in(const Call& call) {
  std::string text = fmt::format("{}, {}", call.fd(), option_name(call.number(1), call.number(2)));
  const bool of_socket = call.number(1) == SOL_SOCKET;
  if (linger value{}; of_socket && call.number(2) == SO_LINGER && call.load(call.arguments[3], value))
    return text + fmt::format(" {{{}, {}s}}", value.l_onoff, value.l_linger);
  if (timeval value{}; of_socket && (call.number(2) == SO_SNDTIMEO || call.number(2) == SO_RCVTIMEO) &&
                       call.load(call.arguments[3], value))
    return text + " " + format_duration(std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec));
  if (int value = 0; call.arguments[4] == sizeof value && call.load(call.arguments[3], value))
    return text + fmt::format(" {}", value);
  return text;
}

std::string getsockopt_in(const Call& call) {
  return fmt::format("{}, {}", call.fd(), option_name(call.number(1), call.number(2)));
}

std::string getsockopt_out(const Call& call) {
  int value = 0;
  if (call.number(1) == IPPROTO_TCP || !call.load(call.arguments[3], value)) return "";
  if (call.number(1) == SOL_SOCKET && call.number(2) == SO_ERROR)
    return value == 0 ? " [0]" : fmt::format(" [{}]", error_name(value));
  return fmt::format(" [{}]", value);
}

std::string epoll_ctl_in(const Call& call) {
  const char* what = call.number(1) == EPOLL_CTL_ADD ? "ADD" : call.number(1) == EPOLL_CTL_MOD ? "MOD" : "DEL";
  epoll_event event{};
  const bool has_event = call.number(1) != EPOLL_CTL_DEL && call.load(call.arguments[3], event);
  return fmt::format("{}, {}, {}{}", call.fd(), what, call.fd(2), has_event ? ", " + readiness(event.events) : "");
}

std::string epoll_out(const Call& call) {
  std::vector<std::string> ready;
  for (int64_t i = 0; i < std::min<int64_t>(call.value, 8); ++i) {
    epoll_event event{};
    if (call.load(call.arguments[1] + static_cast<uint64_t>(i) * sizeof event, event))
      ready.push_back(readiness(event.events));
  }
  return ready.empty() ? "" : fmt::format(" [{}]", joined(ready, ", "));
}

std::string poll_in(const Call& call) {
  std::vector<std::string> each;
  for (uint64_t i = 0; i < shown_pollfds(call); ++i) {
    pollfd polled{};
    if (!load_pollfd(call, i, polled)) return "{?}";
    if (polled.fd >= 0)
      each.push_back(fmt::format("{} {}", polled.fd, readiness(static_cast<uint16_t>(polled.events))));
  }
  return fmt::format("{{{}}}", joined(each, ", "));
}

std::string poll_out(const Call& call) {
  if (call.value <= 0) return "";
  std::vector<std::string> each;
  for (uint64_t i = 0; i < shown_pollfds(call); ++i) {
    pollfd polled{};
    if (!load_pollfd(call, i, polled)) return " [?]";
    if (polled.fd >= 0 && polled.revents != 0)
      each.push_back(fmt::format("{} {}", polled.fd, readiness(static_cast<uint16_t>(polled.revents))));
  }
  return fmt::format(" [{}]", joined(each, ", "));
}

// The members of select()'s sets, as passed in or as returned.
std::string selected(const Call& call) {
  constexpr const char* names[] = {"r", "w", "x"};
  std::string text;
  for (size_t set = 0; set < 3; ++set) {
    fd_set fds;
    FD_ZERO(&fds);
    if (!call.load(call.arguments[set + 1], fds)) continue;
    std::vector<std::string> members;
    for (int fd = 0; fd < std::min(call.number(0), FD_SETSIZE); ++fd)
      if (FD_ISSET(fd, &fds)) members.push_back(std::to_string(fd));
    if (!members.empty()) text += fmt::format("{}{}{{{}}}", text.empty() ? "" : " ", names[set], joined(members, ","));
  }
  return text;
}

std::string timer_in(const Call& call) {
  itimerspec timer{};
  if (!call.load(call.arguments[2], timer)) return fmt::format("{}", call.fd());
  const Duration value = std::chrono::seconds(timer.it_value.tv_sec) + Duration(timer.it_value.tv_nsec);
  if (value == Duration::zero()) return fmt::format("{}, off", call.fd());
  const bool absolute = (call.number(1) & TFD_TIMER_ABSTIME) != 0;  // same value as TIMER_ABSTIME
  return fmt::format("{}, {}", call.fd(), absolute ? "at a time" : "in " + format_duration(value));
}

std::string fcntl_in(const Call& call) {
  if (call.number(1) == F_GETFL) return fmt::format("{}, F_GETFL", call.fd());
  if (call.number(1) == F_SETFL)
    return fmt::format("{}, F_SETFL{}", call.fd(), (call.number(2) & O_NONBLOCK) != 0 ? " NONBLOCK" : "");
  if (call.number(1) == F_SETFD) return fmt::format("{}, F_SETFD", call.fd());
  return fmt::format("{}, {}", call.fd(), call.number(1));
}

std::string shutdown_in(const Call& call) {
  constexpr const char* how[] = {"RD", "WR", "RDWR"};
  return fmt::format("{}, {}", call.fd(), how[call.arguments[1] % 3]);
}

std::string nothing(const Call&) {
  return "";
}

std::string first(const Call& call) {
  return fmt::format("{}", call.fd());
}

std::string bytes(const Call& call) {
  return fmt::format("{}, {} bytes", call.fd(), call.arguments[2]);
}

std::string to_address(const Call& call) {
  return fmt::format("{}, {}", call.fd(), address(call, 1, call.arguments[2]));
}

std::string from_address(const Call& call) {
  return fmt::format(" [{}]", address_out(call, 1));
}

}  // namespace connbench::trace
