#include "harness/run/steadiness.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/support/units.h"

namespace connbench {
namespace {

// The least and the most of one figure among the waves of a case.
struct Extremes {
  int64_t least, most;
  double ratio() const { return static_cast<double>(most) / static_cast<double>(least); }
};

std::optional<Extremes> extremes_of(const CaseResult& result, bool open_loop) {
  std::optional<Extremes> seen;
  for (const SummaryRow& row : result.rows) {
    const auto value = row.failed ? std::nullopt : open_loop ? row.connecting.p50 : row.makespan_ns;
    if (!value || *value <= 0) continue;
    if (!seen) seen = {*value, *value};
    seen = {std::min(seen->least, *value), std::max(seen->most, *value)};
  }
  return seen;
}

}  // namespace

std::string unsteady_cases(const std::vector<CaseResult>& results, bool open_loop) {
  size_t unsteady = 0;
  const CaseResult* most = nullptr;
  Extremes widest{1, 1};
  for (const CaseResult& result : results) {
    const auto found = extremes_of(result, open_loop);
    if (!found || found->ratio() <= unsteady_ratio) continue;
    ++unsteady;
    if (found->ratio() <= widest.ratio()) continue;
    most = &result;
    widest = *found;
  }
  if (most == nullptr) return "";
  return fmt::format(
      "{} of {} cases had waves of which {} more than twice as long as in another, the most {}: {} and {}, {:.1f} "
      "times. "
      "Something else disturbed them, unless the target is random itself (lossy, jittered). Measure when nothing else "
      "runs, or give more --repetitions.",
      unsteady, results.size(), open_loop ? "the median connect took" : "one took", most->planned->what.describe(),
      human_readable(Duration(widest.least)), human_readable(Duration(widest.most)), widest.ratio());
}

}  // namespace connbench
