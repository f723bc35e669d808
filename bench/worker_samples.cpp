#include "bench/worker_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/record/file.h"
#include "harness/record/samples.h"
#include "harness/record/schema.h"
#include "harness/wave/division.h"

namespace connbench {

using cluster::Json;

WorkerSamples::WorkerSamples(const Json& order, const RunOptions& options, const WaveShare& share)
    : options_(options),
      share_(share),
      rank_(order.at("rank").get<unsigned>()),
      name_(samples_of_rank(samples_file(options.compression), rank_)) {
  if (options.samples != SamplesKept::none) folder_.emplace(order.at("folder").get<std::string>());
}

std::string WorkerSamples::file() const {
  return folder_ ? folder_->file(name_).path.string() : "";
}

void WorkerSamples::forget() {
  groups_.clear();
  assignment_.reset();
  samples_.reset();
}

// The case is named by the concurrency of the whole wave.
void WorkerSamples::take(std::unique_ptr<SampleBuffer> samples, const WaveResult& result, const PlannedCase& planned) {
  samples_ = std::move(samples);
  wave_ = result;
  wave_.what = part_of(planned.what, share_);
  wave_.what.concurrency = planned.what.concurrency;
  wave_.by_time = planned.lasts > Duration::zero();
  wave_.hosts.assign(1, HostPart{.rank = rank_});
  assignment_ = planned.assignment(options_.request.seed, result.repetition);
}

RecordedWave WorkerSamples::recorded(std::string_view run_id, int64_t origin_ns) const {
  return {.run_id = run_id,
          .origin_ns = origin_ns,
          .wave = wave_,
          .samples = samples_->samples(),
          .assignment = assignment_ ? &*assignment_ : nullptr,
          .share = share_};
}

// Only of attempts that were offered: the memory of the others was never touched.
void WorkerSamples::move_to_clock_of_rank0(int64_t offset_ns) {
  const std::span<Sample> all = samples_->samples();
  const Division division{all.size(), wave_.what.shards};
  for (size_t shard = 0; shard < division.shards; ++shard) {
    const size_t count = wave_.offered.empty() ? division.count(shard) : wave_.offered[shard];
    move_stamps(all.subspan(division.first(shard), count), -offset_ns);
  }
}

// Before the values are put in order: that is done for the questions of the conductor.
Json WorkerSamples::own_quantiles(const std::vector<double>& wanted) const {
  const size_t never_offered = wave_.by_time ? 0 : samples_->samples().size() - groups_.front()->tally.samples;
  const QuantileOf quantile = quantiles_of(groups_.front(), never_offered);
  Json all = Json::array();
  for (size_t figure = 0; figure < figure_count; ++figure) {
    Json own = Json::array();
    for (const double q : wanted) {
      const auto value = quantile(static_cast<Figure>(figure), q);
      own.push_back(value ? Json(*value) : Json());
    }
    all.push_back(std::move(own));
  }
  return all;
}

Json WorkerSamples::figures(const Json& order) {
  move_to_clock_of_rank0(order.at("offset_ns"));
  const RecordedWave wave = recorded();
  groups_.push_back(std::make_shared<Distributions>(distributions_of(wave)));
  for (size_t target = 0; assignment_ && target < assignment_->targets.size(); ++target)
    groups_.push_back(std::make_shared<Distributions>(distributions_of(wave, {.target = target})));
  Json own = own_quantiles(order.at("quantiles").get<std::vector<double>>());
  Json groups = Json::array();
  for (const auto& group : groups_) {
    Json spreads = Json::array();
    for (std::vector<int64_t>& values : group->values) {
      std::ranges::sort(values);
      const cluster::Spread spread =
          values.empty() ? cluster::Spread{}
                         : cluster::Spread{.count = values.size(), .least = values.front(), .most = values.back()};
      spreads.push_back(cluster::json_of(spread));
    }
    groups.push_back({{"tally", cluster::json_of(group->tally)}, {"spreads", std::move(spreads)}});
  }
  return {{"is", "figures"}, {"groups", std::move(groups)}, {"own", std::move(own)}};
}

Json WorkerSamples::up_to(const Json& order) const {
  const Json& distributions = order.at("distributions");
  Json counts = Json::array();
  for (size_t i = 0; i < distributions.size(); ++i) {
    const auto which = distributions.at(i).get<size_t>();
    const std::vector<int64_t>& values = groups_.at(which / figure_count)->values.at(which % figure_count);
    counts.push_back(std::ranges::upper_bound(values, order.at("values").at(i).get<int64_t>()) - values.begin());
  }
  return {{"is", "up_to"}, {"counts", std::move(counts)}};
}

Json WorkerSamples::append_rows(const Json& order, const std::function<bool()>& should_stop) {
  if (!rows_)
    rows_.emplace(folder_.value().file(name_), fmt::format("{},{}", samples_header, rank_column), options_.compression);
  const auto run_id = order.at("run_id").get<std::string>();
  const RecordedWave wave = recorded(run_id, order.at("origin_ns").get<int64_t>());
  return {{"is", "rows"}, {"omitted", append_samples(*rows_, wave, options_.samples, should_stop)}};
}

void WorkerSamples::finish() {
  if (!rows_) return;
  rows_->finish();
  const FilePlace place = folder_.value().file(name_);
  flush_to_disk(place.folder, place.path.parent_path());
}

}  // namespace connbench
