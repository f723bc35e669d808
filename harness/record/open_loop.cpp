#include "harness/record/open_loop.h"

namespace connbench {

void OpenLoopAccount::add(const Sample& sample) noexcept {
  if (sample.scheduled_ns == 0) return;
  const bool began = sample.started_ns != 0;
  const bool on_its_own = sample.outcome != Outcome::cancelled && sample.outcome != Outcome::never_started;
  ++offered;
  if (began) ++started;
  if (began && sample.finished_ns != 0 && on_its_own) ++completed;
  if (!began || sample.started_ns - sample.scheduled_ns > late_bound.count()) ++late;
}

void OpenLoopAccount::add(const OpenLoopAccount& other) noexcept {
  offered += other.offered;
  started += other.started;
  completed += other.completed;
  late += other.late;
}

}  // namespace connbench
