// A fleet: hosts of several kinds in one queue, and which of them each attempt of a wave goes to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/targets/target.h"

namespace connbench {

/// The targets of one wave, each with its share of the attempts.
struct Mix {
  struct Part {
    NamedTarget target;
    unsigned hundredths;  ///< of a percent; never 0
  };
  std::vector<Part> parts;  ///< those that can connect first, then by name; their shares add up to 100 %

  /// The same for every spelling: "accepting=90,blackhole=10".
  std::string name() const;
};

/// "accepting=90,blackhole=10": percent, with at most two decimals. What has 0 % is left out.
/// @throws std::invalid_argument: unreadable, an unknown target or one twice, or shares that do not add up to 100; then
/// the message says what they add up to
Mix parse_mix(std::string_view text);

/// Whether a connect to this target may succeed at all: `false` for a dead host.
bool can_connect(const NamedTarget& target, Family family);

/// How many of `attempts` each part gets: exact where that is whole, otherwise by the largest remainder.
std::vector<size_t> shares(const Mix& mix, size_t attempts);

/// Which target each attempt of a wave goes to.
struct Assignment {
  std::vector<std::string> targets;  ///< names
  std::vector<uint8_t> of;           ///< by attempt: index into `targets`
};

/// Exact shares in random order; the same for the same seed everywhere.
Assignment assign(const Mix& mix, size_t attempts, uint64_t seed);

/// What find_scenario() knows a fleet by: "fleet:accepting=90,blackhole=10", and in open loop ":poisson:5000/s" behind
/// it.
std::string fleet_load(const Mix& mix, std::string_view arrival);

}  // namespace connbench
