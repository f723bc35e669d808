#include "bench/capacity.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/commands.h"
#include "harness/process/descriptor_table.h"
#include "harness/run/pending_room.h"
#include "harness/wave/division.h"
#include "harness/wave/share.h"

namespace connbench {
namespace {

constexpr size_t threads_of_the_harness = 16;  // parent, servers, the child itself

void require(const PlannedCase& planned, const Limit& limit, size_t needed, std::string_view what,
             std::string_view or_else) {
  if (needed <= limit.value) return;
  throw MachineLacks(fmt::format("{} with {} in flight needs {} {}, and {} allows {}. To raise it: {}. Or {}.",
                                 planned.what.connector, planned.what.concurrency, needed, what, limit.name,
                                 limit.value, limit.how_to_raise, or_else));
}

// Each shard has a descriptor table of its own. "" when no number of shards suffices.
std::string enough_shards(const Limit& descriptors, size_t at_once) {
  if (descriptors.value <= descriptors_of_the_harness) return "";
  const size_t each = descriptors.value - descriptors_of_the_harness;
  return fmt::format(", or divide the load: --shards {}", (at_once + each - 1) / each);
}

void require_descriptors(const PlannedCase& planned, const Limit& limit, CloseMode close) {
  const Case& what = planned.what;
  const size_t at_once = planned.capabilities.completes_in_submit ? what.shards : what.concurrency;
  const bool holds = planned.connector->policy({.close = close}).close == CloseMode::hold;
  const size_t open = at_once + (holds ? what.attempts : 0);
  const size_t in_a_shard = Division{what.attempts, what.shards}.largest_share(open);
  require(planned, limit, in_a_shard + descriptors_of_the_harness,
          what.shards == 1 ? "descriptors" : "descriptors in a shard",
          "lower --concurrency" + enough_shards(limit, open));
}

void require_threads(const PlannedCase& planned, const Limit& limit) {
  const Case& what = planned.what;
  size_t needed = what.shards == 1 ? 0 : what.shards;
  const auto kind = planned.capabilities.threads;  // the kernel's limits count processes as threads
  if (kind == Capabilities::Threads::per_attempt || kind == Capabilities::Threads::processes)
    needed += what.concurrency;
  if (planned.capabilities.threads == Capabilities::Threads::pool)
    needed += std::min(what.concurrency, planned.capabilities.pool_threads * what.shards);
  if (needed > 0) require(planned, limit, needed + threads_of_the_harness, "threads", "lower --concurrency");
}

// The kernel's memory for attempts in SYN_SENT, which the whole machine shares.
void require_kernel_memory(const PlannedCase& planned) {
  const Case& what = planned.what;
  if (what.family == Family::unix_domain || planned.capabilities.completes_in_submit) return;
  for (const auto& limit : {pending_by_tcp_memory(usual_pending_cost), pending_by_memory(usual_pending_cost)})
    if (limit) require(planned, *limit, what.concurrency, "attempts pending at once", "lower --concurrency");
}

}  // namespace

void require_capacity(const Plan& plan, CloseMode close) {
  const Limit descriptors = descriptor_limit();
  const Limit threads = thread_limit();
  for (const PlannedCase& planned : plan.cases) {
    if (!planned.capabilities.opens_sockets) continue;
    PlannedCase part = planned;  // what this host has of it
    part.what = part_of(planned.what, {0, planned.what.hosts});
    require_descriptors(part, descriptors, close);
    require_threads(part, threads);
    require_kernel_memory(part);
  }
}

}  // namespace connbench
