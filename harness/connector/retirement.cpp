#include "harness/connector/retirement.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "harness/connector/options.h"
#include "harness/support/joined.h"

namespace connbench {
namespace {

// After a simultaneous open with itself both addresses of a socket are the same.
bool is_connected_to_itself(int fd) noexcept {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_size = sizeof own;
  socklen_t peer_size = sizeof peer;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0) return false;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
  const auto* a = reinterpret_cast<const std::byte*>(&own);
  const auto* b = reinterpret_cast<const std::byte*>(&peer);
  return own_size == peer_size && std::equal(a, a + own_size, b);
}

void reset_on_close(int fd) noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

std::string_view to_string(CloseMode mode) noexcept {
  switch (mode) {
    case CloseMode::rst:
      return "rst";
    case CloseMode::fin:
      return "fin";
    case CloseMode::hold:
      return "hold";
  }
  return "";
}

CloseMode parse_close_mode(std::string_view name) {
  for (const CloseMode mode : {CloseMode::rst, CloseMode::fin, CloseMode::hold})
    if (name == to_string(mode)) return mode;
  throw std::invalid_argument(
      fmt::format("'{}' is not valid: expected {}", name, joined(values_of(close_modes), ", ")));
}

Handshake read_handshake(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  constexpr uint32_t most = 127;  // what a Sample can hold; tcp_syn_retries cannot be larger either
  return {.known = true,
          .syn_retransmits = static_cast<uint8_t>(std::min(info.tcpi_total_retrans, most)),
          .round_trip = std::chrono::microseconds(info.tcpi_rtt)};
}

uint16_t read_local_port(int fd) noexcept {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) return 0;
  if (own.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(own).sin_port);
  return own.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(own).sin6_port) : 0;
}

// After a fallback the kernel passes the question on to TCP, which does not know the option.
Protocol read_protocol(int fd) noexcept {
  constexpr int sol_mptcp = 284;  // SOL_MPTCP and MPTCP_INFO: Linux 5.16, missing from older C libraries
  constexpr int mptcp_info = 1;
  uint32_t some{};
  socklen_t size = sizeof some;
  return ::getsockopt(fd, sol_mptcp, mptcp_info, &some, &size) == 0 ? Protocol::mptcp : Protocol::tcp;
}

Retirement::Retirement(ConnectionPolicy policy, size_t expected) : policy_(policy) {
  if (policy.close == CloseMode::hold) held_.reserve(expected);
}

bool Retirement::prepare(int fd, Completion& completion) const noexcept {
  if (policy_.handshake) completion.handshake = read_handshake(fd);
  if (policy_.local_port) completion.handshake.local_port = read_local_port(fd);
  if (completion.result.outcome != Outcome::connected) return false;
  if (policy_.protocol) completion.handshake.protocol = read_protocol(fd);
  if (policy_.may_self_connect && is_connected_to_itself(fd)) completion.result.outcome = Outcome::self_connected;
  if (policy_.close == CloseMode::rst) reset_on_close(fd);
  return policy_.close == CloseMode::hold;
}

void Retirement::retire(UniqueFd fd, Completion& completion) noexcept {
  if (fd && prepare(fd.get(), completion)) hold(std::move(fd));
}

void Retirement::retire_before_close(int fd, Completion& completion) noexcept {
  if (fd < 0 || !prepare(fd, completion)) return;
  if (UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); own) hold(std::move(own));
}

void Retirement::hold(UniqueFd fd) noexcept {
  const std::lock_guard lock(mutex_);
  held_.push_back(std::move(fd));
}

}  // namespace connbench
