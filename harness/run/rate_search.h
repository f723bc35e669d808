// The highest rate at which a latency bound holds: what is asked, and in which order rates are tried.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/support/clock.h"
#include "harness/wave/sample.h"

namespace connbench {

/// "p99<5ms": so many of all attempts connect within so long after they were due.
struct RateGoal {
  std::string text;
  double quantile;  ///< 0.99; 1 of "max"
  Duration bound;

  /// Whether a wave held it: the attempt at the quantile's rank connected sooner than `bound` after it was due. One
  /// that ended in any other way, or never began, is later than all that connected.
  bool held_by(std::span<const Sample> samples) const;

  /// How long the arrivals of a wave last. A rate that is `search_tolerance` beyond what is sustained makes the queue
  /// grow by that share of the wave: twice as long as takes it past the bound, and half a second at least.
  Duration wave_lasts() const;
  /// Attempts of a wave at this rate: as many as arrive meanwhile, and no fewer than the quantile needs.
  size_t attempts_at(double rate_per_s) const;
  /// The lowest rate that is tried: a wave there lasts ten seconds.
  double lowest_rate() const;
};

/// How far apart, as a share, the highest rate that held and the lowest that did not may be in the end.
inline constexpr double search_tolerance = 0.05;
/// No higher rate is tried.
inline constexpr double highest_rate = 500'000;

/// "p50<1ms", "p90", "p99", "p999", "max". @throws std::invalid_argument that says what is expected
RateGoal parse_rate_goal(std::string_view text);

/// One search: doubles or halves the rate until one holds and one does not, then halves what is between them. Each rate
/// is decided by the majority of several waves, for one wave may have met a disturbance.
class RateSearch {
 public:
  /// @param waves for each rate, at most; no more are run once the majority is certain
  RateSearch(double first_rate, unsigned waves, double lowest, double highest = highest_rate);

  /// The rate of the next wave; nothing when the search is over.
  std::optional<double> next() const noexcept;
  /// Which wave at that rate it is, from 1.
  unsigned wave() const noexcept { return yes_ + no_ + 1; }
  /// What that wave said.
  void add(bool held);
  /// Ends it.
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
