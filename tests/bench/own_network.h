// A network of its own for a program under test: only a loopback interface, whose ports and addresses the test chooses.
// Every function runs between fork() and exec() (Program's `prepare`) and ends the child with `could_not_execute` where
// this is not permitted.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/bench/program.h"

namespace connbench {

inline void require(bool done) {
  if (!done) ::_exit(could_not_execute);
}

inline void write_to(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  require(file.good());
}

/// Enters network and mount namespaces of its own, through a user namespace where that is needed. The user stays the
/// same.
inline void enter_own_network() {
  const uid_t user = ::getuid();
  const gid_t group = ::getgid();
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    require(::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) == 0);
    write_to("/proc/self/setgroups", "deny");
    write_to("/proc/self/uid_map", fmt::format("{0} {0} 1", user));
    write_to("/proc/self/gid_map", fmt::format("{0} {0} 1", group));
  }
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq interface {};
  std::strcpy(interface.ifr_name, "lo");
  interface.ifr_flags = IFF_UP | IFF_RUNNING;
  require(::ioctl(socket.get(), SIOCSIFFLAGS, &interface) == 0);
}

inline void give_clients_ports(unsigned first, unsigned last) {
  write_to("/proc/sys/net/ipv4/ip_local_port_range", fmt::format("{} {}", first, last));
}

/// Adds an IPv6 address to the loopback interface, which has index 1.
inline void add_address(const char* address) {
  const UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  in6_ifreq request{};
  inet_pton(AF_INET6, address, &request.ifr6_addr);
  request.ifr6_prefixlen = 128;
  request.ifr6_ifindex = 1;
  require(::ioctl(socket.get(), SIOCSIFADDR, &request) == 0);
}

/// Puts a file with this content in the place of `path`, for this child only.
inline void replace_file(const std::filesystem::path& folder, const std::string& path, const std::string& text) {
  const std::filesystem::path own = folder / std::filesystem::path(path).filename();
  write_to(own, text);
  require(::mount(own.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0);
}

}  // namespace connbench
