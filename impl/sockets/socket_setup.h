// How connectors open their sockets, and what they ask of the kernel before connect(): options that every connector has
// whose sockets we open.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>

#include "harness/connector/registry.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/source.h"

#ifndef IPPROTO_MPTCP  // since Linux 5.6; missing from older C libraries
#define IPPROTO_MPTCP 262
#endif

namespace connbench {

inline constexpr OptionSpec protocol_option{
    .name = "protocol",
    .kind = OptionSpec::Kind::choice,
    .choices = protocols,
    .default_value = "tcp",
    .help =
        "tcp, or mptcp: Multipath TCP, which falls back to TCP when the peer does not speak it (column protocol of "
        "samples.csv); no effect on UNIX sockets"};

inline constexpr OptionSpec fastopen_option{
    .name = "fastopen",
    .kind = OptionSpec::Kind::choice,
    .choices = "off|on",
    .default_value = "off",
    .help =
        "TCP_FASTOPEN_CONNECT: once the kernel has a cookie of the peer, connect() returns 0 and sends nothing, so "
        "that `connected` does not mean that anybody has answered; no effect on UNIX sockets",
    .bare_value = "on"};

inline constexpr OptionSpec socket_options[] = {source_port_option, source_address_option, protocol_option,
                                                fastopen_option};

/// Those of a connector that cannot repeat socket() and connect() when another socket has the port.
inline constexpr OptionSpec unrepeated_socket_options[] = {source_address_option, protocol_option, fastopen_option};

template <size_t n, size_t m>
constexpr std::array<OptionSpec, n + m> joined_options(const OptionSpec (&first)[n], const OptionSpec (&own)[m]) {
  std::array<OptionSpec, n + m> all{};
  for (size_t i = 0; i < n + m; ++i) all[i] = i < n ? first[i] : own[i - n];
  return all;
}
/// The options of a connector whose sockets we open: these, then its own.
template <size_t n>
constexpr auto with_socket_options(const OptionSpec (&own)[n]) {
  return joined_options(socket_options, own);
}
template <size_t n>
constexpr auto with_unrepeated_socket_options(const OptionSpec (&own)[n]) {
  return joined_options(unrepeated_socket_options, own);
}

/// Opens and prepares sockets by these options. Thread-safe. With their defaults it makes no system call but socket().
class SocketSetup {
 public:
  /// Plain TCP, and the kernel chooses its source.
  SocketSetup() noexcept = default;
  /// The same for a connector without the options.
  /// @throws std::system_error when the kernel's ephemeral port range cannot be read
  explicit SocketSetup(const Options& options);

  /// A stream socket; -1 when there is none, and errno says why.
  int open(sa_family_t family, int flags) const noexcept {
    return ::socket(family, SOCK_STREAM | flags, protocol(family));
  }
  /// To be called between open() and connect(). error 0 = done.
  Evidence prepare(int fd, sa_family_t family) noexcept {
    return plain_ || family == AF_UNIX ? Evidence{.family = family} : prepare_ip(fd, family);
  }
  /// Whether to try again with a new socket: see Source::should_try_another().
  bool should_try_another(const Evidence& evidence, size_t tries) const noexcept {
    return source_.should_try_another(evidence, tries);
  }

  /// Whether open() and prepare() are socket() with its usual arguments, and nothing else.
  bool is_default() const noexcept { return plain_ && protocol_ == 0; }
  /// Whether prepare() does nothing.
  bool is_plain() const noexcept { return plain_; }
  /// The third argument of socket().
  int protocol(sa_family_t family) const noexcept { return family == AF_UNIX ? 0 : protocol_; }
  bool fastopen() const noexcept { return fastopen_; }
  Source& source() noexcept { return source_; }

 private:
  Evidence prepare_ip(int fd, sa_family_t family) noexcept;

  Source source_;
  int protocol_ = 0;
  bool fastopen_ = false;
  bool plain_ = true;
};

/// Why this machine does not support the chosen options, or has no source address for the family that is to be
/// connected to; nullopt when it does.
std::optional<std::string> probe_socket_setup(const ConnectorSettings& settings);

}  // namespace connbench
