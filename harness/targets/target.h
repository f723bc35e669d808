// Targets: what a connector connects to. There is one per file in this folder; CMake generates the table
// (registry.cmake).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/outcome.h"
#include "harness/support/clock.h"

namespace connbench {

namespace lab {
class Lab;
}

/// A set of outcomes.
class OutcomeSet {
 public:
  constexpr OutcomeSet(std::initializer_list<Outcome> outcomes) {
    for (Outcome o : outcomes) bits_ |= 1U << static_cast<unsigned>(o);
  }
  constexpr bool contains(Outcome o) const { return (bits_ >> static_cast<unsigned>(o)) & 1U; }

 private:
  unsigned bits_ = 0;
};

/// The addresses of a host outside in a case of one family. Most connectors use the first alone; the others could be
/// other hosts.
struct HostAddress {
  Family family;
  Endpoint endpoint;              ///< the first that its name has in that family
  size_t others = 0;              ///< further ones in that family
  bool may_self_connect = false;  ///< a socket may connect to itself at one: a port of this machine that clients get
  /// Those for connectors that may use them all: this family's in the resolver's order, then those of the other
  /// families of the run.
  std::vector<Endpoint> all{};
};

/// How a target is to be opened.
struct TargetRequest {
  Family family = Family::ipv4;
  size_t open_at_once = 1;  ///< connections, pending or established, that a wave may have open at one time; decides how
                            ///< many addresses the target spreads over
  std::optional<size_t> addresses = {};  ///< this many instead, as far as the target can have them
  std::vector<int> cpus = {};            ///< CPUs for the server; empty = any
  std::optional<Endpoint> at = {};       ///< the address where it listens, whatever its port; nullopt = loopback
  bool spin = false;                     ///< a server that accepts never sleeps, so that no connect() has to wake it
  std::string_view parameter = {};       ///< what follows the name: "20ms" of delayed:20ms
  const HostAddress* address = nullptr;  ///< of a host outside; otherwise nullptr
  lab::Lab* lab = nullptr;               ///< the lab this process is in; nullptr = the machine's own network
};

/// How many addresses a target that spreads over several has: each is the destination of at most a quarter of the
/// ephemeral ports, unless the request says otherwise.
size_t addresses_wanted(const TargetRequest& request);

/// An open target. Its servers run until it is destroyed or this process dies, however it dies.
class Target {
 public:
  virtual ~Target() = default;
  virtual std::span<const Endpoint> endpoints() const = 0;
  /// The number of addresses per host; endpoints() lists host after host. Connectors that do not use all endpoints
  /// (Capabilities) connect only to the first of each host.
  virtual size_t endpoints_per_attempt() const { return 1; }
  /// The server's process, for measuring its CPU time and noticing its death; 0 = the target has no server.
  virtual pid_t server() const = 0;
  /// Why the server could not go on; "" = it did not say.
  virtual std::string why_server_failed() const { return ""; }
};

/// One row of the table.
struct TargetEntry {
  std::string_view name;                ///< "delayed"
  std::string_view parameter = "";      ///< its parameter after the colon, for people: "D"; "" = none
  std::string_view default_value = "";  ///< the parameter when none is given; "" = it can do without
  std::string_view summary;             ///< one line for `connbench list`
  std::span<const Family> families;
  bool needs_lab = false;
  bool needs_ipv6 = false;  ///< whatever the family of its addresses
  bool answers;  ///< every connect is answered soon; false: a connect may stay pending until it times out or is
                 ///< cancelled
  /// The parameter in its shortest spelling, which all spellings of one value share; nullptr = the target takes none.
  /// @throws std::invalid_argument for an invalid one
  std::string (*canonical)(std::string_view parameter) = nullptr;
  bool parameter_needs_lab = false;  ///< it lives on loopback without a parameter, and in the lab with one
  /// The time from a SYN to its answer where that is always the same; nullptr: at once, at random, or never.
  Duration (*round_trip)(std::string_view parameter) = nullptr;
  /// The outcomes an attempt may have; any other is worth a warning.
  OutcomeSet (*expected_outcomes)(Family);
  /// Call this while the process has a single thread. @throws std::system_error
  std::unique_ptr<Target> (*open)(const TargetRequest&);

  bool serves(Family family) const noexcept;
};

/// All targets of this build.
std::span<const TargetEntry* const> all_targets();

/// A target as named by the user: "delayed:20ms".
struct NamedTarget {
  const TargetEntry* entry;
  std::string name;                      ///< in full, with the parameter in its canonical spelling, or the default one
  std::string parameter;                 ///< "20ms"; "" where the entry takes none
  std::vector<HostAddress> addresses{};  ///< of a host outside, at most one per family; of other targets, none

  /// nullptr when it has none in that family.
  const HostAddress* address(Family family) const noexcept;
  bool serves(Family family) const noexcept;
  bool needs_lab() const noexcept { return entry->needs_lab || (entry->parameter_needs_lab && !parameter.empty()); }

  /// Calls TargetEntry::open with the parameter filled in.
  std::unique_ptr<Target> open(TargetRequest request) const;
};

/// Whether the table has a target of this name.
bool is_target(std::string_view name) noexcept;

/// @throws std::invalid_argument for an unknown name, with the nearest known one, and for an invalid parameter
NamedTarget find_target(std::string_view name);

}  // namespace connbench
