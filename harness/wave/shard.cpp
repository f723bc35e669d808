#include "harness/wave/shard.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <algorithm>

#include "harness/process/descriptor_table.h"

namespace connbench {
namespace {

constexpr Duration warm_up_limit = std::chrono::seconds(2);
constexpr size_t warm_up_attempts = 256;

// Every n-th arrival of a schedule, beginning with the index-th. Each shard computes the whole schedule: an arrival
// costs some nanoseconds, and nothing has to be stored.
class ShareOfArrivals final : public Pacing {
 public:
  ShareOfArrivals(std::unique_ptr<Pacing> all, size_t index, size_t shards)
      : all_(std::move(all)), skip_(index), others_(shards - 1) {}
  bool open_loop() const noexcept override { return all_->open_loop(); }
  Duration next_due() override {
    for (; skip_ > 0; --skip_) all_->next_due();
    skip_ = others_;
    return all_->next_due();
  }

 private:
  std::unique_ptr<Pacing> all_;
  size_t skip_;
  size_t others_;
};

// Ordered so that attempt i of the wave goes to host i mod n, whichever shard makes it.
std::vector<Endpoint> endpoints_of(const WaveSpec& spec, size_t index) {
  const size_t each = spec.load.endpoints_per_attempt;
  const size_t hosts = spec.load.endpoints.size() / each;
  std::vector<Endpoint> endpoints;
  endpoints.reserve(spec.load.endpoints.size());
  for (size_t i = 0; i < hosts; ++i) {
    const auto host = spec.load.endpoints.subspan((i * spec.what->shards + index) % hosts * each, each);
    endpoints.insert(endpoints.end(), host.begin(), host.end());
  }
  return endpoints;
}

// The routes of this shard's attempts; none when the wave has none.
std::vector<std::span<const Endpoint>> routes_of(const WaveSpec& spec, size_t index) {
  std::vector<std::span<const Endpoint>> routes;
  for (size_t i = index; i < spec.load.routes.size(); i += spec.what->shards) routes.push_back(spec.load.routes[i]);
  return routes;
}

}  // namespace

Shard::Shard(const WaveSpec& spec, SampleBuffer& samples, size_t index)
    : spec_(spec),
      division_{spec.what->attempts, spec.what->shards},
      concurrency_(division_.share(spec.what->concurrency, index)),
      samples_(samples.samples().subspan(division_.first(index), division_.count(index))),
      endpoints_(endpoints_of(spec, index)),
      routes_(routes_of(spec, index)),
      pacing_(std::make_unique<ShareOfArrivals>(spec.pacing(), index, division_.shards)),
      retirement_(spec.connector->policy(spec.policy), samples_.size()) {
  if (division_.shards > 1) checked(::close_range(3, ~0U, CLOSE_RANGE_UNSHARE), "close_range(CLOSE_RANGE_UNSHARE)");
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
