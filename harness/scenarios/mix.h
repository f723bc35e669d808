// A fleet: several kinds of hosts in one queue, and which of them each attempt of a wave connects to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/targets/target.h"

namespace connbench {

/// The targets of one wave, with the share of the attempts that each gets.
struct Mix {
  struct Part {
    NamedTarget target;
    unsigned hundredths;  ///< share in hundredths of a percent; never 0
  };
  std::vector<Part> parts;  ///< first those that can connect, then the others, each by name; the shares add up to 100 %

  /// "accepting=90,blackhole=10": the same for every spelling of one mix.
  std::string name() const;
};

/// Parses "accepting=90,blackhole=10": percentages with at most two decimals. Targets with 0 % are left out.
/// @throws std::invalid_argument when the text cannot be parsed, a target is unknown or repeated, or the shares do not
/// add up to 100 (the message states their sum)
Mix parse_mix(std::string_view text);

/// Whether an attempt to connect to this target can succeed at all; false for a dead host.
bool can_connect(const NamedTarget& target, Family family);

/// How many of `attempts` each part gets. Shares that are not whole numbers are rounded by the largest-remainder
/// method.
std::vector<size_t> shares(const Mix& mix, size_t attempts);

/// Which target each attempt of a wave connects to.
struct Assignment {
  std::vector<std::string> targets;  ///< names
  std::vector<uint8_t> of;           ///< for each attempt, an index into `targets`
};

/// The exact shares, in random order. The same seed gives the same order on every platform.
Assignment assign(const Mix& mix, size_t attempts, uint64_t seed);

/// The name under which find_scenario() finds a fleet: "fleet:accepting=90,blackhole=10", followed by
/// ":poisson:5000/s" in an open loop.
std::string fleet_load(const Mix& mix, std::string_view arrival);

}  // namespace connbench
