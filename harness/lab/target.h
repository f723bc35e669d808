// Targets: what a connector connects to. One per file in targets/; the table is written by CMake (registry.cmake).
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/endpoint.h"
#include "harness/outcome.h"

namespace connbench {

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
};

/// An open target: its servers run until it is destroyed, or until this process dies, however it dies.
class Target {
 public:
  virtual ~Target() = default;
  virtual std::span<const Endpoint> endpoints() const = 0;
  /// The server's process, for its CPU time and to notice its death; 0 = the target needs none.
  virtual pid_t server() const = 0;
};

/// One row of the table.
struct TargetEntry {
  std::string_view name;     ///< "accepting"
  std::string_view summary;  ///< one line for `connbench list`
  std::span<const Family> families;
  bool answers;  ///< false: a connect stays pending until somebody gives up
  /// How an attempt may end here; anything else is worth a warning.
  OutcomeSet (*ends)(Family);
  /// Must be called while the process has a single thread. @throws std::system_error
  std::unique_ptr<Target> (*open)(const TargetRequest&);

  bool serves(Family family) const noexcept;
};

/// All targets of this build.
std::span<const TargetEntry* const> targets();

/// @throws std::invalid_argument for an unknown name, with the nearest known one
const TargetEntry& find_target(std::string_view name);

}  // namespace connbench
