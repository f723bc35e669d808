// The figures of attempts whose distributions the records give, and what is counted besides. What is known of some
// attempts of a wave can be put together with what is known of the others: where the hosts of a cluster keep their
// samples, no machine has them all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "harness/connector/outcome.h"
#include "harness/record/open_loop.h"
#include "harness/record/recorded_wave.h"

namespace connbench {

/// A figure that some attempts of a wave have.
enum class Figure : uint8_t {
  connecting,        ///< finished − started, of those that connected
  response,          ///< finished − scheduled, of the same. All others count too: they never had a response
  queue,             ///< started − scheduled, of those that started
  overshoot,         ///< finished − started − timeout, of those that their deadline ended
  reaped_overshoot,  ///< reaped − started − timeout, of the same
  added              ///< connecting less the handshake, of those whose handshake is known and whose SYN was sent once
};
inline constexpr size_t figure_count = 6;

/// What is counted of some attempts.
struct Tally {
  size_t samples = 0;
  std::array<size_t, outcome_count> outcomes{};
  OpenLoopAccount arrivals{};
  int64_t began_ns = std::numeric_limits<int64_t>::max();  ///< the earliest scheduled_ns of those that started
  int64_t ended_ns = 0;                                    ///< the latest finished_ns of the same
  bool open_end = false;         ///< one of them began, as far as is known, and its process was killed before it ended
  double connecting_sum_ns = 0;  ///< finished − started of all that started; says nothing with an open end

  void add(const Sample& sample) noexcept;
  void add(const Tally& other) noexcept;
  /// From the first to the last of them. A wave with an open end lasted longer than its samples show. It has no
  /// makespan: one that is too short would make the wave look fast.
  std::optional<int64_t> makespan_ns() const;
};

/// All that the records need to know of some attempts.
struct Distributions {
  Tally tally{};
  std::array<std::vector<int64_t>, figure_count> values{};  ///< by Figure, in no order

  std::vector<int64_t>& of(Figure figure) { return values[static_cast<size_t>(figure)]; }
  const std::vector<int64_t>& of(Figure figure) const { return values[static_cast<size_t>(figure)]; }
};

/// Some attempts of a wave: every `step`-th from `first` on, and of these only those of one target of a fleet.
struct SomeAttempts {
  size_t first = 0;
  size_t step = 1;
  std::optional<size_t> target{};  ///< its position in Assignment::targets; nullopt = of all
};

/// Of the samples of attempts that were offered. The timeout is that of the wave's case.
Distributions distributions_of(const RecordedWave& recorded, const SomeAttempts& which = {});

/// How many attempts have a place in the distribution of a figure after all its values: they never had a response.
/// @param values how many there are
/// @param never_offered attempts that were wanted and have no sample
size_t attempts_beyond(Figure figure, size_t values, const Tally& tally, size_t never_offered);

/// Gives the nearest-rank q-quantile of a figure. INT64_MAX = it falls on an attempt without a response; nullopt =
/// there are too few attempts.
using QuantileOf = std::function<std::optional<int64_t>(Figure figure, double q)>;
QuantileOf quantiles_of(std::shared_ptr<Distributions> distributions, size_t never_offered);

}  // namespace connbench
