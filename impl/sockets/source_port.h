// Who chooses the port that a connection leaves from: the kernel by itself, or somebody who knows better.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "harness/connector/registry.h"
#include "harness/machine/machine.h"

namespace connbench {

inline constexpr OptionSpec source_port_option{
    .name = "source-port",
    .kind = OptionSpec::Kind::choice,
    .choices = "kernel|bind|range",
    .default_value = "kernel",
    .help =
        "who chooses it: connect(), bind() to one port after another, or connect() within IP_LOCAL_PORT_RANGE; "
        "nothing on UNIX sockets"};

/// What a connector does about source ports between socket() and connect(). Thread-safe. Means nothing to a UNIX
/// socket, which has no ports.
class SourcePort {
 public:
  /// The kernel chooses.
  SourcePort() noexcept = default;
  /// @throws std::system_error when the kernel does not tell its ephemeral ports
  explicit SourcePort(const Options& options);

  /// To be called before connect(). error 0 = done. With `bind`, ports that others hold are passed over until the whole
  /// range has been tried.
  Evidence prepare(int fd, sa_family_t family) noexcept {
    if (choice_ == Choice::kernel || family == AF_UNIX) return {.family = family};
    return choice_ == Choice::bind ? bind_to_next(fd, family) : narrow_to_range(fd, family);
  }

  /// connect() says that the port it was bound to is taken on the way to this destination, which bind() does not look
  /// at: a socket bound to another one should try, unless `tries` were as many as there are ports.
  bool should_try_another(const Evidence& evidence, size_t tries) const noexcept {
    return choice_ == Choice::bind && evidence.error == EADDRNOTAVAIL && evidence.call == Call::connect &&
           evidence.family != AF_UNIX && tries < range_.size();
  }

 private:
  enum class Choice : uint8_t { kernel, bind, range };
  Evidence bind_to_next(int fd, sa_family_t family) noexcept;
  Evidence narrow_to_range(int fd, sa_family_t family) const noexcept;

  Choice choice_ = Choice::kernel;
  PortRange range_{};
  std::atomic<uint32_t> next_{0};  // counts on; taken modulo the range
};

/// Why this kernel does not have the choice that the options make; nullopt when it has.
std::optional<std::string> probe_source_port(const ConnectorSettings& settings);

}  // namespace connbench
