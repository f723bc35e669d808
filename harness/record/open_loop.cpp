#include "harness/record/open_loop.h"

namespace connbench {

OpenLoopAccount account(std::span<const Sample> samples) noexcept {
  OpenLoopAccount sum;
  for (const Sample& s : samples) {
    if (s.scheduled_ns == 0) continue;
    const bool started = s.started_ns != 0;
    const bool on_its_own = s.outcome != Outcome::cancelled && s.outcome != Outcome::never_started;
    ++sum.offered;
    if (started) ++sum.started;
    if (started && s.finished_ns != 0 && on_its_own) ++sum.completed;
    if (!started || s.started_ns - s.scheduled_ns > late_bound.count()) ++sum.late;
  }
  return sum;
}

}  // namespace connbench
