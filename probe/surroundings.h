// The peers available to a probe: in the lab, hosts of its network; without a lab, loopback.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/lab/lab.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/target.h"

namespace connbench::probe {

/// A TCP socket over IPv4; `flags` such as SOCK_NONBLOCK. @throws std::system_error
UniqueFd tcp_socket(int flags = 0);
/// Makes close() send RST instead of FIN, which leaves no TIME_WAIT behind: SO_LINGER with zero timeout.
void reset_on_close(int fd);

/// A blocking listening socket and the endpoint at which it is reached.
struct Listener {
  UniqueFd fd;
  Endpoint at;
};

/// Listens on 127.0.0.1 (or ::1, or an abstract UNIX name), on a port chosen by the kernel, with the longest backlog.
Listener listen_on_loopback(Family family = Family::ipv4);

/// How long a probe waits for an event that must happen; only a defect exceeds it.
inline constexpr Duration patience = std::chrono::seconds(20);

/// Both ends of a connection on loopback.
struct Pair {
  UniqueFd client;
  UniqueFd server;
};
Pair connected_pair();

/// Polls for at most this long; returns the reported events, 0 = none.
short wait_for(int fd, short events, Duration at_most = patience);

class Surroundings {
 public:
  /// `lab`: the lab this process is in; nullptr = none. `machine_gives_up`: when the kernel gives up a connect()
  /// without an answer, with the sysctls of the machine outside the lab (kernel_connect_timeout()).
  explicit Surroundings(lab::Lab* lab, std::optional<Duration> machine_gives_up = std::nullopt)
      : lab_(lab), machine_gives_up_(machine_gives_up) {}

  bool has_lab() const noexcept { return lab_ != nullptr; }
  lab::Lab& lab() const noexcept { return *lab_; }
  std::optional<Duration> machine_gives_up() const noexcept { return machine_gives_up_; }

  /// An endpoint that never answers: the lab's blackhole or, without a lab, a listener on loopback with a full accept
  /// queue.
  Endpoint silent();
  std::string silent_name() const { return has_lab() ? "the lab's blackhole" : "a listener with a full queue"; }
  /// A closed port of 127.0.0.1. It stays bound, so that no other process can use it.
  Endpoint closed_port();
  /// A listening host across the lab's link, under `rule`. The kernel completes handshakes; accept() is up to the
  /// probe.
  Listener far_listener(const lab::LinkRule& rule);
  /// A closed port of a host across the link.
  Endpoint far_closed_port(const lab::LinkRule& rule);
  /// A target of `connbench list`, with its own server process; it lives as long as this object.
  Endpoint target(std::string_view name);

 private:
  lab::Lab* lab_;
  std::optional<Duration> machine_gives_up_;
  std::vector<UniqueFd> held_{};
  std::vector<std::unique_ptr<Target>> targets_{};
};

}  // namespace connbench::probe
