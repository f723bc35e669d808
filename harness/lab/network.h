// The lab's network: three namespaces, two veth pairs, and what is routed where.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "harness/support/unique_fd.h"

namespace connbench::lab {

/// "net.ipv4.tcp_syn_retries", "1".
using Sysctl = std::pair<std::string, std::string>;
/// "net.ipv4.tcp_syn_retries=1". @throws std::invalid_argument that says what is expected
Sysctl parse_sysctl(const std::string& text);

/// The ends of the link, in its namespace.
inline constexpr const char* near_end = "near";  ///< towards the client
inline constexpr const char* far_end = "far";    ///< towards the server

/// The numbers of the interfaces that a capture sees. They differ between namespaces, so that it tells them apart.
inline constexpr int client_interface = 10;     ///< a0, to the link
inline constexpr int blackhole_interface = 11;  ///< d0, to nobody
inline constexpr int server_interface = 20;     ///< b0, to the link

/// The namespaces. They live as long as somebody is in them or holds a descriptor.
struct Network {
  UniqueFd client;
  UniqueFd server;
  UniqueFd link;
  bool ipv6;  ///< the machine has it
};

/// The steps of building it, for those who tell of progress or make one of them fail.
size_t network_steps();

/// Builds the network; afterwards this process is in the link's namespace. `sysctls` are set in the client's and in the
/// server's. To be called in a capsule (which gives the client's namespace) with one thread.
///
///   client  10.. a0 ── near   link   far ── b0  server
///               d0 ── (its other end is in the link's namespace, and down)
///
/// `fail_at`: the step that is to fail, for tests.
/// @throws Unavailable that names the step; std::invalid_argument for a sysctl that does not exist or a value
/// that the kernel does not take
Network build_network(const std::vector<Sysctl>& sysctls, size_t fail_at = SIZE_MAX);

/// Lets a capture see what goes into the blackhole. While the other end of its interface is down the kernel drops every
/// packet before a capture gets it; up, that end receives what is addressed to nobody, and drops it there. To be called
/// where build_network() has left this process. @throws std::system_error
void show_blackhole(const Network& network);

/// Makes senders over an interface of this namespace compute checksums themselves: a frame that a packet socket
/// receives has none yet where they leave that to hardware. @throws std::system_error
void checksums_in_software(const char* interface);

/// Moves this process (one thread) into a network namespace. @throws std::system_error
void enter(const UniqueFd& network_namespace);

/// While it lives, this process is in another network namespace.
class Visit {
 public:
  /// @throws std::system_error
  Visit(const UniqueFd& there, const UniqueFd& home);
  ~Visit();
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  const UniqueFd& home_;
};

}  // namespace connbench::lab
