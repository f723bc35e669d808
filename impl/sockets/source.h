// The choice of a connection's source: its port, by the kernel or by us, and its address.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
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

/// Each address has ports of its own, so this is the usual remedy when those to one destination run out.
inline constexpr OptionSpec source_address_option{
    .name = "source-address",
    .kind = OptionSpec::Kind::addresses,
    .choices = "",
    .default_value = "",
    .help =
        "client addresses that attempts use in turn: 127.0.0.2..127.0.0.9, and several lists joined by '~'; bound with "
        "IP_BIND_ADDRESS_NO_PORT, so that connect() still chooses the port; no effect on UNIX sockets"};

/// Gives a socket its source between socket() and connect(). Thread-safe. UNIX sockets have no ports, so nothing
/// happens to them. A destination whose family none of the addresses has keeps the kernel's choice of address.
class Source {
 public:
  /// The kernel chooses.
  Source() noexcept = default;
  /// The kernel chooses, too, for a connector without these options.
  /// @throws std::system_error when the kernel's ephemeral port range cannot be read
  explicit Source(const Options& options);

  bool is_chosen_by_kernel() const noexcept { return choice_ == Choice::kernel && v4_.empty() && v6_.empty(); }

  /// To be called before connect(). error 0 = done. With `bind`, ports that are in use or reserved are skipped until
  /// the whole range has been tried.
  Evidence prepare(int fd, sa_family_t family) noexcept {
    if (is_chosen_by_kernel() || family == AF_UNIX) return {.family = family};
    return prepare_ip(fd, family);
  }

  /// Whether to try again with a socket that is bound to another port: connect() found the port in use for this
  /// destination, which bind() does not check. False when `tries` has reached the number of ports.
  bool should_try_another(const Evidence& evidence, size_t tries) const noexcept {
    return choice_ == Choice::bind && evidence.error == EADDRNOTAVAIL && evidence.call == Call::connect &&
           evidence.family != AF_UNIX && tries < ports(evidence.family);
  }

  /// Goes on to what the next socket would get. For a connector whose sockets are prepared by copies of this one.
  void skip_turn() noexcept { next_.fetch_add(1, std::memory_order_relaxed); }

  /// The addresses of a family; empty: the kernel chooses.
  const std::vector<Endpoint>& addresses(sa_family_t family) const noexcept { return family == AF_INET6 ? v6_ : v4_; }
  /// The next of them; nullptr: the kernel chooses.
  const Endpoint* next_address(sa_family_t family) noexcept;

 private:
  enum class Choice : uint8_t { kernel, bind, range };
  Evidence prepare_ip(int fd, sa_family_t family) noexcept;
  Evidence bind_to_next(int fd, sa_family_t family) noexcept;
  Evidence narrow_to_range(int fd, sa_family_t family) noexcept;
  Evidence bind_address(int fd, sa_family_t family) noexcept;
  bool is_reserved(uint16_t port) const noexcept;
  // How many pairs of an address and a port `bind` has.
  size_t ports(sa_family_t family) const noexcept;

  Choice choice_ = Choice::kernel;
  PortRange range_{};
  std::vector<PortRange> reserved_{};
  std::vector<Endpoint> v4_, v6_;
  std::atomic<uint32_t> next_{0};  // keeps counting; taken modulo what there is to choose from
};

}  // namespace connbench
