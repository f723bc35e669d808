// Where a probe runs: what there is to connect to. In the lab that is a network of its own; without one, loopback.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/lab/lab.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/target.h"

namespace connbench::probe {

/// A listening socket, blocking, and where it is reached.
struct Listener {
  UniqueFd fd;
  Endpoint at;
};

/// On 127.0.0.1 (::1, an abstract UNIX name), with a port of the kernel's choice and the longest backlog.
Listener listen_on_loopback(Family family = Family::ipv4);

/// How long a probe waits for what must happen; only a defect lets it pass.
inline constexpr Duration patience = std::chrono::seconds(20);

/// Both ends of a connection on loopback.
struct Pair {
  UniqueFd client;
  UniqueFd server;
};
Pair connected_pair();

/// poll() for at most so long; gives the bits that came, 0 = none.
short wait_for(int fd, short events, Duration at_most = patience);

class Surroundings {
 public:
  /// `lab`: the one that this process is in; nullptr = none. `machine_gives_up`: when the kernel ends a connect() to
  /// nobody, by the sysctls of the machine outside the lab (kernel_connect_timeout()).
  explicit Surroundings(lab::Lab* lab, std::optional<Duration> machine_gives_up = std::nullopt)
      : lab_(lab), machine_gives_up_(machine_gives_up) {}

  bool has_lab() const noexcept { return lab_ != nullptr; }
  lab::Lab& lab() const noexcept { return *lab_; }
  std::optional<Duration> machine_gives_up() const noexcept { return machine_gives_up_; }

  /// Where SYNs vanish. The lab's blackhole; without it, a listener on loopback whose accept queue is full.
  Endpoint silent();
  std::string silent_name() const { return has_lab() ? "the lab's blackhole" : "a listener with a full queue"; }
  /// A port of 127.0.0.1 on which nobody listens. It is held, so that nobody will, and no client gets it.
  Endpoint closed_port();
  /// A host across the link of the lab that accepts (the kernel does; accept() is the probe's affair) under `rule`.
  Listener far_listener(const lab::LinkRule& rule);
  /// A port of a host across the link on which nobody listens.
  Endpoint far_closed_port(const lab::LinkRule& rule);
  /// A target of `connbench list`, with a server process of its own; lives as long as this object.
  Endpoint target(std::string_view name);

 private:
  lab::Lab* lab_;
  std::optional<Duration> machine_gives_up_;
  std::vector<UniqueFd> held_{};
  std::vector<std::unique_ptr<Target>> targets_{};
};

}  // namespace connbench::probe
