#include "harness/wave/share.h"

#include <utility>

#include "harness/wave/division.h"

namespace connbench {
namespace {

class ShareOfArrivals final : public Pacing {
 public:
  ShareOfArrivals(std::unique_ptr<Pacing> all, const WaveShare& share)
      : all_(std::move(all)), skip_(share.index), others_(share.of - 1) {}
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

}  // namespace

Case part_of(const Case& all, const WaveShare& share) {
  const Division division{all.attempts, share.of};
  Case part = all;
  part.attempts = division.count(share.index);
  part.hosts = 1;
  part.concurrency = division.share(all.concurrency, share.index);
  return part;
}

std::unique_ptr<Pacing> part_of(std::unique_ptr<Pacing> all, const WaveShare& share) {
  if (share.of == 1) return all;
  return std::make_unique<ShareOfArrivals>(std::move(all), share);
}

std::vector<Endpoint> part_of(std::span<const Endpoint> all, size_t each, const WaveShare& share) {
  const size_t hosts = all.size() / each;
  std::vector<Endpoint> endpoints;
  endpoints.reserve(all.size());
  for (size_t i = 0; i < hosts; ++i) {
    const auto host = all.subspan((i * share.of + share.index) % hosts * each, each);
    endpoints.insert(endpoints.end(), host.begin(), host.end());
  }
  return endpoints;
}

std::vector<std::span<const Endpoint>> part_of(std::span<const std::span<const Endpoint>> all, const WaveShare& share) {
  std::vector<std::span<const Endpoint>> routes;
  for (size_t i = share.index; i < all.size(); i += share.of) routes.push_back(all[i]);
  return routes;
}

void move_stamps(std::span<Sample> samples, int64_t by_ns) noexcept {
  for (Sample& sample : samples)
    for (int64_t Sample::*stamp :
         {&Sample::scheduled_ns, &Sample::started_ns, &Sample::finished_ns, &Sample::reaped_ns})
      if (sample.*stamp != 0) sample.*stamp += by_ns;
}

}  // namespace connbench
