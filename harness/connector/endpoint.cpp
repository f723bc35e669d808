#include "harness/connector/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>

#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

// "%eth0", or the number of an interface that is gone; "" without a scope.
std::string scope_text(uint32_t scope) {
  char name[IF_NAMESIZE] = "";
  if (scope == 0) return "";
  return ::if_indextoname(scope, name) != nullptr ? fmt::format("%{}", name) : fmt::format("%{}", scope);
}

}  // namespace

std::string_view to_string(Family family) noexcept {
  switch (family) {
    case Family::ipv4:
      return "4";
    case Family::ipv6:
      return "6";
    case Family::unix_domain:
      return "unix";
  }
  return "";
}

sa_family_t address_family(Family family) noexcept {
  switch (family) {
    case Family::ipv4:
      return AF_INET;
    case Family::ipv6:
      return AF_INET6;
    case Family::unix_domain:
      return AF_UNIX;
  }
  return AF_UNSPEC;
}

Endpoint::Endpoint() noexcept : size_(sizeof(sa_family_t)) {
  std::memset(&storage_, 0, sizeof storage_);
}

Endpoint Endpoint::ipv4(uint32_t address, uint16_t port) noexcept {
  Endpoint e;
  e.storage_.ipv4.sin_family = AF_INET;
  e.storage_.ipv4.sin_addr.s_addr = htonl(address);
  e.storage_.ipv4.sin_port = htons(port);
  e.size_ = sizeof(sockaddr_in);
  return e;
}

Endpoint Endpoint::ipv6(const in6_addr& address, uint16_t port, uint32_t scope) noexcept {
  Endpoint e;
  e.storage_.ipv6.sin6_family = AF_INET6;
  e.storage_.ipv6.sin6_addr = address;
  e.storage_.ipv6.sin6_port = htons(port);
  e.storage_.ipv6.sin6_scope_id = scope;
  e.size_ = sizeof(sockaddr_in6);
  return e;
}

Endpoint Endpoint::abstract_unix(std::string_view name) {
  Endpoint e;
  auto& un = e.storage_.unix_domain;
  if (name.size() > sizeof un.sun_path - 1) throw std::invalid_argument("UNIX socket name longer than 107 bytes");
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path + 1, name.data(), name.size());
  e.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return e;
}

Endpoint Endpoint::unix_path(std::string_view path) {
  Endpoint e;
  auto& un = e.storage_.unix_domain;
  if (path.size() > sizeof un.sun_path - 1) throw std::invalid_argument("UNIX socket path longer than 107 bytes");
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  e.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return e;
}

Endpoint Endpoint::of_socket(int fd) {
  Endpoint e;
  e.size_ = sizeof e.storage_;
  checked(::getsockname(fd, &e.storage_.any, &e.size_), "getsockname");
  return e;
}

Endpoint Endpoint::of_peer(int fd) {
  Endpoint e;
  e.size_ = sizeof e.storage_;
  checked(::getpeername(fd, &e.storage_.any, &e.size_), "getpeername");
  return e;
}

uint16_t Endpoint::port() const noexcept {
  switch (family()) {
    case AF_INET:
      return ntohs(storage_.ipv4.sin_port);
    case AF_INET6:
      return ntohs(storage_.ipv6.sin6_port);
    default:
      return 0;
  }
}

bool Endpoint::same_host_as(const Endpoint& other) const noexcept {
  if (family() != other.family()) return false;
  if (family() == AF_INET) return storage_.ipv4.sin_addr.s_addr == other.storage_.ipv4.sin_addr.s_addr;
  return family() == AF_INET6 && storage_.ipv6.sin6_scope_id == other.storage_.ipv6.sin6_scope_id &&
         std::memcmp(&storage_.ipv6.sin6_addr, &other.storage_.ipv6.sin6_addr, sizeof(in6_addr)) == 0;
}

std::string Endpoint::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family()) {
    case AF_INET:
      inet_ntop(AF_INET, &storage_.ipv4.sin_addr, text, sizeof text);
      return fmt::format("{}:{}", text, port());
    case AF_INET6:
      inet_ntop(AF_INET6, &storage_.ipv6.sin6_addr, text, sizeof text);
      return fmt::format("[{}{}]:{}", text, scope_text(storage_.ipv6.sin6_scope_id), port());
    case AF_UNIX: {
      const char* path = storage_.unix_domain.sun_path;
      const size_t length = size_ - offsetof(sockaddr_un, sun_path);
      if (length == 0) return "unix:";
      if (path[0] == '\0') return fmt::format("unix:@{}", std::string_view(path + 1, length - 1));
      return fmt::format("unix:{}", std::string_view(path, strnlen(path, length)));
    }
    default:
      return "unspecified";
  }
}

bool Endpoint::operator==(const Endpoint& other) const noexcept {
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

}  // namespace connbench
