#include "harness/support/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace connbench {

size_t samples_needed(double q) noexcept {
  if (q <= 0 || q >= 1) return 1;
  return static_cast<size_t>(std::ceil(std::log(1 - percentile_confidence) / std::log(q)));
}

std::optional<size_t> nearest_rank(size_t all, double q) noexcept {
  if (all < samples_needed(q)) return std::nullopt;
  // 0.07 × 100 is 7.000000000000001 in binary. A rank that is whole in decimal must stay whole.
  return static_cast<size_t>(std::max(1.0, std::ceil(q * static_cast<double>(all) - 1e-6)));
}

std::optional<int64_t> quantile(std::vector<int64_t>& values, double q, size_t beyond) {
  const auto rank = nearest_rank(values.size() + beyond, q);
  if (!rank) return std::nullopt;
  if (*rank > values.size()) return INT64_MAX;
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(*rank) - 1;
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

Percentiles percentiles(std::vector<int64_t>& values, size_t beyond) {
  return {.p50 = quantile(values, 0.5, beyond),
          .p90 = quantile(values, 0.9, beyond),
          .p99 = quantile(values, 0.99, beyond),
          .p999 = quantile(values, 0.999, beyond),
          .max = quantile(values, 1.0, beyond)};
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return std::midpoint(*std::max_element(values.begin(), middle), *middle);
}

}  // namespace connbench
