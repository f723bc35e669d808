// Durations that stop at the longest one (292 years) instead of overflowing: for bounds and estimates, where a longer
// time means the same.
#pragma once

#include <cstdint>

#include "harness/support/clock.h"

namespace connbench {

/// @param a, b not negative
inline Duration saturating_sum(Duration a, Duration b) noexcept {
  int64_t sum = 0;
  return __builtin_add_overflow(a.count(), b.count(), &sum) ? Duration::max() : Duration(sum);
}

/// @param each not negative
inline Duration saturating_product(Duration each, uint64_t times) noexcept {
  int64_t product = 0;
  return __builtin_mul_overflow(each.count(), times, &product) ? Duration::max() : Duration(product);
}

}  // namespace connbench
