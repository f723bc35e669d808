#include "harness/run/destinations.h"

#include <algorithm>

namespace connbench {

size_t most_ports_held(const RunRequest& request, const Plan& plan, size_t most_time_waits) {
  size_t in_a_wave = *std::ranges::max_element(request.concurrency);
  size_t in_time_wait = 0;
  for (const PlannedCase& planned : plan.cases) {
    const CloseMode close = planned.connector->policy(request.policy).close;
    if (close == CloseMode::rst) continue;
    in_a_wave = std::max(in_a_wave, planned.what.attempts);
    if (close == CloseMode::fin)
      in_time_wait += planned.what.attempts * (request.repetitions + (request.count_syscalls ? 1 : 0));
  }
  return std::max(in_a_wave, std::min(in_time_wait, most_time_waits));
}

}  // namespace connbench
