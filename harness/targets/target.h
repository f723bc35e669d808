// Targets: what a connector connects to. One per file in targets/; the table is written by CMake (registry.cmake).
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/outcome.h"

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

/// What is asked of a target when it is opened.
struct TargetRequest {
  Family family = Family::ipv4;
  size_t open_at_once = 1;     ///< connections, pending or established, that a wave may have at one time; decides over
                               ///< how many addresses they are spread
  std::vector<int> cpus = {};  ///< processors for the server; empty = any
  std::string_view parameter = {};  ///< what follows the name: "20ms" of delayed:20ms
  lab::Lab* lab = nullptr;          ///< the lab that this process is in; nullptr = the machine's own network
};

/// An open target: its servers run until it is destroyed, or until this process dies, however it dies.
class Target {
 public:
  virtual ~Target() = default;
  virtual std::span<const Endpoint> endpoints() const = 0;
  /// The addresses that one host has: endpoints() lists host after host. Connectors that do not use all endpoints
  /// (Capabilities) connect to the first of each, and to no other.
  virtual size_t endpoints_per_attempt() const { return 1; }
  /// The server's process, for its CPU time and to notice its death; 0 = the target needs none.
  virtual pid_t server() const = 0;
};

/// One row of the table.
struct TargetEntry {
  std::string_view name;                ///< "delayed"
  std::string_view parameter = "";      ///< what stands behind its name and a colon, for people: "D"; "" = nothing does
  std::string_view default_value = "";  ///< the parameter of the bare name
  std::string_view summary;             ///< one line for `connbench list`
  std::span<const Family> families;
  bool needs_lab = false;
  bool answers;  ///< soon and always; false: a connect may stay pending until somebody gives up
  /// Throws std::invalid_argument for a parameter that means nothing; nullptr = none is taken.
  void (*check)(std::string_view parameter) = nullptr;
  /// How an attempt may end here; anything else is worth a warning.
  OutcomeSet (*expected_outcomes)(Family);
  /// Must be called while the process has a single thread. @throws std::system_error
  std::unique_ptr<Target> (*open)(const TargetRequest&);

  bool serves(Family family) const noexcept;
};

/// All targets of this build.
std::span<const TargetEntry* const> all_targets();

/// A target as a person asks for it: "delayed:20ms".
struct NamedTarget {
  const TargetEntry* entry;
  std::string name;       ///< in full: a parameter that was left out is there
  std::string parameter;  ///< "20ms"; "" where the entry takes none

  /// As TargetEntry::open, with the parameter filled in.
  std::unique_ptr<Target> open(TargetRequest request) const;
};

/// Whether the table has one of this name.
bool is_target(std::string_view name) noexcept;

/// @throws std::invalid_argument for an unknown name, with the nearest known one, and for an unusable parameter
NamedTarget find_target(std::string_view name);

}  // namespace connbench
