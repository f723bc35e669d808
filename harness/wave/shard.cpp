#include "harness/wave/shard.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <algorithm>

#include "harness/process/descriptor_table.h"
#include "harness/support/sanitized.h"
#include "harness/wave/share.h"

namespace connbench {
namespace {

constexpr Duration warm_up_limit = std::chrono::seconds(2);
constexpr size_t warm_up_attempts = 256;

// ThreadSanitizer tells descriptors apart by their numbers alone. With several tables it reports races that are none,
// and can crash.
constexpr bool own_tables = !thread_sanitizer;

}  // namespace

Shard::Shard(const WaveSpec& spec, SampleBuffer& samples, size_t index)
    : spec_(spec),
      division_{spec.what->attempts, spec.what->shards},
      concurrency_(division_.share(spec.what->concurrency, index)),
      samples_(samples.samples().subspan(division_.first(index), division_.count(index))),
      endpoints_(part_of(spec.load.endpoints, spec.load.endpoints_per_attempt, {index, division_.shards})),
      routes_(part_of(spec.load.routes, {index, division_.shards})),
      pacing_(part_of(spec.pacing(), {index, division_.shards})),
      retirement_(spec.connector->policy(spec.policy), samples_.size()) {
  if (division_.shards > 1 && own_tables)
    checked(::close_range(3, ~0U, CLOSE_RANGE_UNSHARE), "close_range(CLOSE_RANGE_UNSHARE)");
  const size_t held = retirement_.policy().close == CloseMode::hold ? samples_.size() : 0;
  grow_descriptor_table(concurrency_ + held + descriptors_of_the_harness);
  if (!spec_.warm_up.empty()) warm_up();
}

// Loads code pages, fills the allocator and the cache of thread stacks. Without it the measured wave takes 5–15 ms
// more.
void Shard::warm_up() const {
  std::vector<Sample> discarded(std::min(samples_.size(), division_.largest_share(warm_up_attempts)));
  Retirement retirement({.close = CloseMode::rst}, 0);
  const auto connector = spec_.connector->entry->make({spec_.connector->options, concurrency_, retirement});
  const auto pacing = closed_loop();
  connbench::drive(*connector,
                   {.load = {.endpoints = spec_.warm_up, .limit = warm_up_limit},
                    .concurrency = concurrency_,
                    .timeout = warm_up_limit,
                    .pacing = pacing.get()},
                   discarded);
}

void Shard::make_connector() {
  connector_ = spec_.connector->entry->make({spec_.connector->options, concurrency_, retirement_});
}

void Shard::drive(TimePoint begin, const std::atomic<bool>& stop) {
  Load load = spec_.load;
  load.endpoints = endpoints_;
  load.routes = routes_;
  connbench::drive(*connector_,
                   {.load = load,
                    .concurrency = concurrency_,
                    .timeout = spec_.what->timeout,
                    .pacing = pacing_.get(),
                    .begin = begin,
                    .stop = &stop},
                   samples_);
}

}  // namespace connbench
