#include "harness/record/summary.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "harness/record/csv.h"
#include "harness/record/schema.h"

namespace connbench {
namespace {

Percentiles percentiles_of(const QuantileOf& quantile, Figure figure) {
  return {.p50 = quantile(figure, 0.5),
          .p90 = quantile(figure, 0.9),
          .p99 = quantile(figure, 0.99),
          .p999 = quantile(figure, 0.999),
          .max = quantile(figure, 1.0)};
}

void summarise_times(SummaryRow& row, const QuantileOf& quantile, std::span<const double> chosen) {
  row.connecting = percentiles_of(quantile, Figure::connecting);
  row.response = percentiles_of(quantile, Figure::response);
  for (const double percent : chosen)
    row.chosen.push_back({.percent = percent,
                          .connecting_ns = quantile(Figure::connecting, percent / 100),
                          .response_ns = quantile(Figure::response, percent / 100)});
  row.queue = percentiles_of(quantile, Figure::queue);
  row.overshoot = percentiles_of(quantile, Figure::overshoot);
  row.reaped_overshoot = percentiles_of(quantile, Figure::reaped_overshoot);
  row.added_p50_ns = quantile(Figure::added, 0.5);
  row.added_p99_ns = quantile(Figure::added, 0.99);
}

// A target of a fleet has the makespan of the whole wave too: an attempt that starved until the wave ended waited in
// the queue as long as the others.
void summarise_rates(SummaryRow& row, double connecting_sum_ns) {
  if (row.makespan_ns.value_or(0) <= 0) return;
  const double makespan = static_cast<double>(*row.makespan_ns);
  const auto per_second = [&](size_t n) {
    return n == 0 ? std::nullopt : std::optional(static_cast<double>(n) * 1e9 / makespan);
  };
  const size_t connects = row.count(Outcome::connected);
  row.connects_per_s = per_second(connects);
  row.completions_per_s =
      per_second(connects + row.count(Outcome::refused) + row.count(Outcome::reset) + row.count(Outcome::unreachable));
  row.in_flight_mean = connecting_sum_ns / makespan;
}

void add(CsvRow& csv, const Percentiles& p) {
  csv.number(p.p50).number(p.p90).number(p.p99).number(p.p999).number(p.max);
}

void add(CsvRow& csv, const Usage& usage, const Footprint& peak) {
  for (int64_t value : {usage.cpu_ns, usage.cpu_user_ns, usage.cpu_sys_ns, usage.softirq_ns, usage.steal_ns,
                        usage.server_cpu_ns, usage.listen_overflows, peak.threads, peak.fds, usage.rss_peak_kib,
                        usage.voluntary_switches, usage.involuntary_switches}) {
    csv.known(value);
  }
}

// The row of some attempts of a wave.
SummaryRow row_of(const RecordedWave& recorded, const RowAttempts& attempts, std::optional<int64_t> makespan_ns,
                  std::span<const double> chosen) {
  const WaveResult& wave = recorded.wave;
  SummaryRow row;
  row.run_id = recorded.run_id;
  row.what = wave.what;
  row.repetition = wave.repetition;
  row.wave = wave.wave;
  if (wave.started_ns != 0) row.wave_started_ns = wave.started_ns - recorded.origin_ns;
  row.failed = !wave.failure.empty();
  row.attempts = attempts.tally.samples + attempts.never_offered;
  row.outcomes = attempts.tally.outcomes;
  row.outcomes[static_cast<size_t>(Outcome::never_started)] += attempts.never_offered;
  row.usage = wave.usage;
  row.peak = wave.peak;
  row.arrivals = attempts.tally.arrivals;
  summarise_times(row, attempts.quantile, chosen);
  row.makespan_ns = makespan_ns;
  summarise_rates(row, attempts.tally.connecting_sum_ns);
  return row;
}

SummaryRow row_of_target(const RecordedWave& recorded, size_t target, const RowAttempts& attempts,
                         std::optional<int64_t> makespan_ns, std::span<const double> chosen) {
  WaveResult part = recorded.wave;
  part.what.target = recorded.assignment->targets[target];
  part.what.attempts = attempts.tally.samples + attempts.never_offered;
  part.usage = {};
  part.peak = {};
  return row_of({.run_id = recorded.run_id, .origin_ns = recorded.origin_ns, .wave = part, .samples = {}}, attempts,
                makespan_ns, chosen);
}

SummaryRow row_of_host(const RecordedWave& recorded, const HostPart& host, const RowAttempts& attempts,
                       std::span<const double> chosen) {
  WaveResult part = recorded.wave;
  part.started_ns = host.started_ns;
  part.usage = host.usage;
  part.peak = host.peak;
  part.failure = host.failure;
  SummaryRow row = row_of({.run_id = recorded.run_id, .origin_ns = recorded.origin_ns, .wave = part, .samples = {}},
                          attempts, attempts.tally.makespan_ns(), chosen);
  row.rank = std::to_string(host.rank);
  return row;
}

/// Figures from samples that are here.
class FiguresOfSamples final : public WaveFigures {
 public:
  explicit FiguresOfSamples(const RecordedWave& recorded) : recorded_(recorded) {}
  RowAttempts all() override { return attempts({}, recorded_.samples.size()); }
  RowAttempts of_host(size_t host) override {
    const size_t hosts = recorded_.wave.hosts.size();
    return attempts({.first = host, .step = hosts}, Division{recorded_.samples.size(), hosts}.count(host));
  }
  RowAttempts of_target(size_t target) override {
    return attempts({.target = target}, static_cast<size_t>(std::ranges::count(recorded_.assignment->of, target)));
  }

 private:
  // @param wanted how many there were to be, unless the wave had a given time
  RowAttempts attempts(const SomeAttempts& which, size_t wanted) const {
    auto own = std::make_shared<Distributions>(distributions_of(recorded_, which));
    const size_t never_offered = recorded_.wave.by_time ? 0 : wanted - own->tally.samples;
    const Tally tally = own->tally;
    return {.tally = tally, .never_offered = never_offered, .quantile = quantiles_of(std::move(own), never_offered)};
  }

  const RecordedWave& recorded_;
};

}  // namespace

std::vector<double> quantiles_of_a_row(std::span<const double> chosen) {
  std::vector<double> all{0.5, 0.9, 0.99, 0.999, 1.0};
  for (const double percent : chosen) all.push_back(percent / 100);
  return all;
}

SummaryRow summarise(const RecordedWave& recorded, WaveFigures& figures, std::optional<uint64_t> syscalls,
                     std::span<const double> chosen) {
  const std::vector<HostPart>& hosts = recorded.wave.hosts;
  SummaryRow row;
  {
    const RowAttempts all = figures.all();
    row = row_of(recorded, all, all.tally.makespan_ns(), chosen);
  }  // its distributions need much memory
  row.syscalls = syscalls;
  for (size_t host = 0; host < hosts.size(); ++host)
    row.by_host.push_back(row_of_host(recorded, hosts[host], figures.of_host(host), chosen));
  if (!row.by_host.empty()) row.rank = every_rank;
  if (recorded.assignment == nullptr) return row;
  for (size_t target = 0; target < recorded.assignment->targets.size(); ++target) {
    row.by_target.push_back(row_of_target(recorded, target, figures.of_target(target), row.makespan_ns, chosen));
    row.by_target.back().rank = row.rank;
  }
  return row;
}

SummaryRow summarise(const RecordedWave& recorded, std::optional<uint64_t> syscalls, std::span<const double> chosen) {
  FiguresOfSamples figures(recorded);
  return summarise(recorded, figures, syscalls, chosen);
}

std::string csv_row(const SummaryRow& row) {
  std::string of_parts;
  for (const SummaryRow& part : row.by_host) of_parts += csv_row(part);
  for (const SummaryRow& part : row.by_target) of_parts += csv_row(part);
  const Case& what = row.what;
  CsvRow csv;
  csv.text(row.run_id).text(what.scenario).text(what.connector).text(what.target).text(to_string(what.family));
  csv.number(what.concurrency).number(what.shards).number(what.timeout.count());
  csv.number(row.repetition).number(row.wave).number(row.wave_started_ns).number(row.attempts);
  for (size_t n : row.outcomes) csv.number(n);
  csv.number(row.makespan_ns).number(row.connects_per_s).number(row.completions_per_s).number(row.in_flight_mean);
  add(csv, row.connecting);
  add(csv, row.queue);
  add(csv, row.overshoot);
  csv.number(row.added_p50_ns).number(row.added_p99_ns);
  add(csv, row.usage, row.peak);
  csv.number(row.syscalls).known(row.usage.client_softirq_ns);
  add(csv, row.reaped_overshoot);
  if (!row.rank.empty()) csv.text(row.rank);
  return of_parts + csv.finish();
}

}  // namespace connbench
