#include "harness/lab/link/rule.h"

#include <algorithm>
#include <bit>

namespace connbench::lab {
namespace {

constexpr size_t per_octave = 8;

/// Upper bounds of the buckets in nanoseconds: 2^(i/8), rounded up.
constexpr std::array<int64_t, LatenessHistogram::buckets> make_bounds() {
  constexpr double eighth_root_of_2 = 1.0905077326652577;
  std::array<int64_t, LatenessHistogram::buckets> bounds{};
  double root = 1;
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (i % per_octave == 0) root = 1;
    const double bound = root * static_cast<double>(uint64_t{1} << (i / per_octave));
    const auto floor = static_cast<int64_t>(bound);
    bounds[i] = floor + (static_cast<double>(floor) < bound ? 1 : 0);
    root *= eighth_root_of_2;
  }
  return bounds;
}
constexpr std::array<int64_t, LatenessHistogram::buckets> bounds = make_bounds();

}  // namespace

void LatenessHistogram::add(Duration lateness) noexcept {
  const int64_t ns = std::max<int64_t>(lateness.count(), 1);
  // Start at the octave's first bucket, the greatest power of two not above `ns`: at most eight bounds are left to
  // compare.
  const auto octave = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(ns)) - 1);
  size_t bucket = std::min(octave * per_octave, buckets - 1);
  while (bucket + 1 < buckets && bounds[bucket] < ns) ++bucket;
  ++counts[bucket];
}

Duration LatenessHistogram::quantile(double q) const noexcept {
  uint64_t total = 0;
  for (const uint64_t count : counts) total += count;
  if (total == 0) return Duration::zero();
  const double wanted = q * static_cast<double>(total);
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets; ++i) {
    seen += counts[i];
    if (seen > 0 && static_cast<double>(seen) >= wanted) return Duration(bounds[i]);
  }
  return Duration(bounds.back());
}

bool refresh_report(LinkState& state, Duration patience) noexcept {
  const uint32_t request = state.refresh_requested.fetch_add(1, std::memory_order_acq_rel) + 1;
  const TimePoint until = now() + patience;
  while (static_cast<int32_t>(state.report.refreshed.load(std::memory_order_acquire) - request) < 0) {
    if (now() >= until) return false;
    sleep_until(now() + std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace connbench::lab
