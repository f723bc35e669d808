// The search for the highest rate at which a latency bound holds: the goal, and the order in which rates are tried.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/support/clock.h"
#include "harness/wave/sample.h"

namespace connbench {

/// "p99<5ms": that share of all attempts must connect within the bound, counted from when they were due.
struct RateGoal {
  std::string text;  ///< in its canonical spelling
  double quantile;   ///< 0.99; 1 for "max"
  Duration bound;

  /// Whether a wave met the goal: the attempt at the quantile's rank connected less than `bound` after it was due. An
  /// attempt that ended in any other way, or never began, ranks after all that connected.
  bool held_by(std::span<const Sample> samples) const;

  /// How long the arrivals of a wave last: at least half a second, and long enough to expose a rate that is too high.
  /// At `search_tolerance` above the sustainable rate, the queue grows by that share of the time that has passed. A
  /// wave lasts twice as long as this takes to exceed the bound.
  Duration wave_lasts() const;
  /// How many attempts a wave at this rate has: those that arrive in that time, but no fewer than the quantile needs.
  size_t attempts_at(double rate_per_s) const;
  /// The lowest rate that is tried, in attempts per second: a wave at this rate lasts ten seconds.
  double lowest_rate() const;
};

/// A search ends when the lowest rate that did not hold is at most this share above the highest that did.
inline constexpr double search_tolerance = 0.05;
/// No higher rate than this is tried, in attempts per second.
inline constexpr double highest_rate = 500'000;

/// Parses "p50<1ms"; also p90, p99, p999 and max. @throws std::invalid_argument that says what is expected
RateGoal parse_rate_goal(std::string_view text);

/// How many waves a search usually takes: an estimate for the time left. @param repetitions waves per rate
size_t usual_waves_of_search(unsigned repetitions) noexcept;

/// One search. It doubles or halves the rate until one rate holds and another does not, then bisects between them. The
/// majority of several waves decides about each rate, because a single wave may have been disturbed.
class RateSearch {
 public:
  /// @param waves the most waves that are run for one rate; it is decided as soon as the majority is certain
  RateSearch(double first_rate, unsigned waves, double lowest, double highest = highest_rate);

  /// The rate of the next wave; nullopt when the search is over.
  std::optional<double> next() const noexcept;
  /// The number of the next wave among those at that rate, from 1.
  unsigned wave() const noexcept { return yes_ + no_ + 1; }
  /// Adds the result of that wave.
  void add(bool held);
  /// Ends the search.
  void stop() noexcept { rate_.reset(); }

  std::optional<double> held() const noexcept { return held_; }          ///< the highest rate that held
  std::optional<double> not_held() const noexcept { return not_held_; }  ///< the lowest that did not

 private:
  std::optional<double> next_rate() const;

  unsigned waves_;
  double lowest_, highest_;
  std::optional<double> rate_;
  std::optional<double> held_, not_held_;
  unsigned yes_ = 0, no_ = 0;
};

}  // namespace connbench
