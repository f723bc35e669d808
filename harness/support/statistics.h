// Order statistics of samples, and the sample sizes that they need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace connbench {

/// How sure a percentile's upper bound must be for the percentile to be given.
inline constexpr double percentile_confidence = 0.975;

/// The smallest n for which the largest of n samples is an upper bound of the q-quantile with that confidence:
/// 1 − qⁿ ≥ 0.975. 6 for p50, 36 for p90, 368 for p99, 3,688 for p99.9.
size_t samples_needed(double q) noexcept;

/// The five figures that the records give of a distribution. Each is missing when the sample is too small for it.
struct Percentiles {
  std::optional<int64_t> p50, p90, p99, p999, max;
};

/// Nearest-rank percentiles. Reorders `values`. @param beyond how many more values there are, each INT64_MAX
Percentiles percentiles(std::vector<int64_t>& values, size_t beyond = 0);

/// Which of `all` values in ascending order, counted from 1, is the nearest-rank q-quantile (0 < q ≤ 1); nullopt when
/// there are too few.
std::optional<size_t> nearest_rank(size_t all, double q) noexcept;

/// The nearest-rank q-quantile (0 < q ≤ 1); nullopt when there are too few values. Reorders `values`.
std::optional<int64_t> quantile(std::vector<int64_t>& values, double q, size_t beyond = 0);

/// Median with linear interpolation between the middle two; nullopt when empty.
std::optional<double> median(std::vector<double> values);

}  // namespace connbench
