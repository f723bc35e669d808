// Scenarios: how the load arrives. Each has a file of its own; CMake writes the table (registry.cmake).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/support/clock.h"
#include "harness/wave/pacing.h"

namespace connbench {

struct ScenarioEntry {
  std::string_view name;      ///< "burst"
  std::string_view arrivals;  ///< the forms of --arrival that choose it: "closed"
  std::string_view summary;   ///< one line for `connbench list`
  /// The label in the records ("steady:poisson:5000/s") if `arrival` chooses this scenario, otherwise nullopt.
  /// @throws std::invalid_argument when it chooses this scenario but cannot be parsed
  std::optional<std::string> (*label)(std::string_view arrival);
  /// The schedule of one wave.
  std::unique_ptr<Pacing> (*pacing)(std::string_view arrival, uint64_t seed);
  /// See offered_rate() and usual_attempts().
  std::optional<double> (*rate)(std::string_view arrival) = [](std::string_view) { return std::optional<double>(); };
  std::optional<double> (*attempts)(std::string_view arrival, std::optional<Duration> within) =
      [](std::string_view, std::optional<Duration>) { return std::optional<double>(); };
};

/// All scenarios of this build.
std::span<const ScenarioEntry* const> all_scenarios();

/// A scenario, and its label for one arrival.
struct ChosenScenario {
  const ScenarioEntry* entry;
  std::string label;
};
/// The scenario that `arrival` chooses. @throws std::invalid_argument that lists the known forms
ChosenScenario find_scenario(std::string_view arrival);

/// Attempts per second that a valid `arrival` offers, at most: infinitely many in a burst; nullopt in a closed loop.
std::optional<double> offered_rate(std::string_view arrival);
/// How many attempts a valid `arrival` has due within a time; of random arrivals, on average. nullopt in a closed loop.
std::optional<double> attempts_within(std::string_view arrival, Duration time);
/// How many attempts `arrival` asks for by itself: a ramp, as many as are due until its rate has changed. nullopt: it
/// leaves that open.
std::optional<double> usual_attempts(std::string_view arrival);
/// The spelling that all spellings of a valid `arrival` share: "poisson:500.0/s" → "poisson:500/s".
std::string canonical_arrival(std::string_view arrival);

/// When the last of `attempts` is due, counted from the start of the wave; zero in a closed loop.
Duration last_due(std::string_view arrival, uint64_t seed, size_t attempts);

}  // namespace connbench
