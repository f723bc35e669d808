#include "harness/support/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace connbench {

size_t samples_needed(double q) noexcept {
  if (q <= 0 || q >= 1) return 1;
  return static_cast<size_t>(std::ceil(std::log(1 - percentile_confidence) / std::log(q)));
}

std::optional<int64_t> quantile(std::vector<int64_t>& values, double q) {
  if (values.size() < samples_needed(q)) return std::nullopt;
  // 0.07 × 100 is 7.000000000000001 in binary. A rank that is whole in decimal must stay whole.
  const double rank = std::ceil(q * static_cast<double>(values.size()) - 1e-6);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

Percentiles percentiles(std::vector<int64_t>& values) {
  return {.p50 = quantile(values, 0.5),
          .p90 = quantile(values, 0.9),
          .p99 = quantile(values, 0.99),
          .p999 = quantile(values, 0.999),
          .max = quantile(values, 1.0)};
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return std::midpoint(*std::max_element(values.begin(), middle), *middle);
}

}  // namespace connbench
