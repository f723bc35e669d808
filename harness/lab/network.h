// The lab's network: three namespaces, two veth pairs, and their routes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness/support/unique_fd.h"

namespace connbench::lab {

/// "net.ipv4.tcp_syn_retries", "1".
using Sysctl = std::pair<std::string, std::string>;
/// Parses "net.ipv4.tcp_syn_retries=1". @throws std::invalid_argument with a description of the expected form
Sysctl parse_sysctl(const std::string& text);

/// Names of the link's interfaces, in the link's namespace.
inline constexpr const char* near_end = "near";  ///< towards the client
inline constexpr const char* far_end = "far";    ///< towards the server

/// Indexes of the captured interfaces. They differ across namespaces, so that a capture can tell them apart.
inline constexpr int client_interface = 10;     ///< a0, towards the link
inline constexpr int blackhole_interface = 11;  ///< d0, the blackhole
inline constexpr int server_interface = 20;     ///< b0, towards the link

/// Descriptors of the three namespaces. A namespace lives as long as a process is in it or holds a descriptor.
struct Network {
  UniqueFd client;
  UniqueFd server;
  UniqueFd link;
  bool ipv6;  ///< the machine supports IPv6
};

/// The number of steps that build_network() takes, for tests that make one of them fail.
size_t network_steps();

/// Builds the network and leaves this process in the link's namespace. `sysctls` are set on the client and the server.
/// Call this with a single thread, inside a capsule, whose namespace becomes the client's.
///
///   client  a0 ── near   link   far ── b0  server
///           d0 ── (its peer is in the link's namespace, and down)
///
/// `fail_at`: the step to fail at, for tests.
/// @throws Unavailable, naming the step that failed; std::invalid_argument for a sysctl that does not exist or a value
/// that the kernel rejects
Network build_network(const std::vector<Sysctl>& sysctls, size_t fail_at = SIZE_MAX);

/// Makes packets to the blackhole visible to a capture. While the interface's peer is down, the kernel drops every
/// packet before it can be captured. With the peer up, packets are captured, then dropped at the peer because they are
/// addressed to no host. Call this where build_network() has left the process.
/// @throws std::system_error
void show_blackhole(const Network& network);

/// Turns off transmit checksum offload on an interface of this namespace. With offload, frames that a packet socket
/// receives do not have their checksums yet.
/// @throws std::system_error
void checksums_in_software(const char* interface);

/// Moves the calling thread into a network namespace. @throws std::system_error
void enter(const UniqueFd& network_namespace);

/// Moves this process into another network namespace and back when destroyed.
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
