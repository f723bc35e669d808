// The choice of a connection's source port: by the kernel, or by us.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/machine/machine.h"

namespace connbench {

inline constexpr OptionSpec source_port_option{
    .name = "source-port",
    .kind = OptionSpec::Kind::choice,
    .choices = "kernel|bind|range",
    .default_value = "kernel",
    .help =
        "how the source port is chosen: by connect(), by bind() to one port after another, or by connect() within "
        "IP_LOCAL_PORT_RANGE; no effect on UNIX sockets"};

/// Prepares a socket's source port between socket() and connect(). Thread-safe. UNIX sockets have no ports, so nothing
/// happens to them.
class SourcePort {
 public:
  /// The kernel chooses.
  SourcePort() noexcept = default;
  /// The kernel chooses, too, for a connector without the option.
  /// @throws std::system_error when the kernel's ephemeral port range cannot be read
  explicit SourcePort(const Options& options);

  /// To be called before connect(). error 0 = done. With `bind`, ports that are in use or reserved are skipped until
  /// the whole range has been tried.
  Evidence prepare(int fd, sa_family_t family) noexcept {
    if (choice_ == Choice::kernel || family == AF_UNIX) return {.family = family};
    return choice_ == Choice::bind ? bind_to_next(fd, family) : narrow_to_range(fd, family);
  }

  /// Whether to try again with a socket that is bound to another port: connect() found the port in use for this
  /// destination, which bind() does not check. False when `tries` has reached the number of ports.
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
  std::vector<PortRange> reserved_{};
  std::atomic<uint32_t> next_{0};  // keeps counting; taken modulo the size of the range
};

/// Why this kernel does not support the chosen option; nullopt when it does.
std::optional<std::string> probe_source_port(const ConnectorSettings& settings);

}  // namespace connbench
