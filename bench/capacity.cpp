#include "bench/capacity.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/commands.h"
#include "harness/machine.h"

namespace connbench {
namespace {

constexpr size_t descriptors_of_the_harness = 64;
constexpr size_t threads_of_the_harness = 16;  // parent, servers, the child itself

void require(const PlannedCase& planned, const Limit& limit, size_t needed, std::string_view what) {
  if (needed <= limit.value) return;
  throw MachineLacks(fmt::format(
      "{} with {} in flight needs {} {}, and {} allows {}. To raise it: {}. Or lower "
      "--concurrency.",
      planned.what.connector, planned.what.concurrency, needed, what, limit.name, limit.value, limit.how_to_raise));
}

}  // namespace

void require_capacity(const Plan& plan, CloseMode close) {
  const Limit descriptors = descriptor_limit();
  const Limit threads = thread_limit();
  for (const PlannedCase& planned : plan.cases) {
    if (!planned.traits.opens_sockets) continue;
    const size_t at_once = planned.traits.completes_in_submit ? 1 : planned.what.concurrency;
    const bool holds = planned.connector->policy({.close = close}).close == CloseMode::hold;
    const size_t held = holds ? planned.what.attempts : 0;
    require(planned, descriptors, at_once + held + descriptors_of_the_harness, "descriptors");
    if (planned.traits.threads == Traits::Threads::per_attempt)
      require(planned, threads, at_once + threads_of_the_harness, "threads");
    if (planned.traits.threads == Traits::Threads::pool)
      require(planned, threads, std::min(at_once, planned.traits.pool_threads) + threads_of_the_harness, "threads");
  }
}

}  // namespace connbench
