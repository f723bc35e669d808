// Where to connect: an IPv4, IPv6 or UNIX-domain address.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace connbench {

enum class Family : uint8_t { ipv4, ipv6, unix_domain };
/// For the families of a target or a connector.
inline constexpr Family ip_families[] = {Family::ipv4, Family::ipv6};
inline constexpr Family every_family[] = {Family::ipv4, Family::ipv6, Family::unix_domain};

/// The name in the records and on the command line: "4", "6", "unix".
std::string_view to_string(Family family) noexcept;
/// AF_INET, AF_INET6 or AF_UNIX.
sa_family_t address_family(Family family) noexcept;

/// A socket address by value, ready for bind() and connect().
class Endpoint {
 public:
  /// `address` in host byte order, e.g. 0x7f000001 for 127.0.0.1.
  static Endpoint ipv4(uint32_t address, uint16_t port) noexcept;
  /// @param scope the index of the interface of a link-local address; 0 = none
  static Endpoint ipv6(const in6_addr& address, uint16_t port, uint32_t scope = 0) noexcept;
  /// A name in Linux's abstract namespace. It is no file, and vanishes with its last socket.
  /// @throws std::invalid_argument when the name does not fit (107 bytes)
  static Endpoint abstract_unix(std::string_view name);
  /// A path in the file system. @throws std::invalid_argument when it does not fit (107 bytes)
  static Endpoint unix_path(std::string_view path);
  /// The address to which a socket is bound, e.g. after binding to port 0. @throws std::system_error
  static Endpoint of_socket(int fd);
  /// The address of the peer. @throws std::system_error
  static Endpoint of_peer(int fd);

  const sockaddr* address() const noexcept { return &storage_.any; }
  socklen_t size() const noexcept { return size_; }
  sa_family_t family() const noexcept { return storage_.any.sa_family; }
  /// 0 for UNIX sockets.
  uint16_t port() const noexcept;
  /// The same IP address, on the same interface if that matters, whatever the ports. False for UNIX sockets.
  bool same_host_as(const Endpoint& other) const noexcept;
  /// "127.0.0.1:9000", "[::1]:9000", "[fe80::1%eth0]:9000", "unix:/path", "unix:@name".
  std::string to_string() const;

  bool operator==(const Endpoint& other) const noexcept;

 private:
  Endpoint() noexcept;
  union Storage {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
    sockaddr_un unix_domain;
  } storage_;
  socklen_t size_;
};

}  // namespace connbench
