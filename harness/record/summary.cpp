#include "harness/record/summary.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "harness/record/csv.h"
#include "harness/record/schema.h"

namespace connbench {
namespace {

bool started(const Sample& s) {
  return s.started_ns != 0;
}
bool ended(const Sample& s) {
  return started(s) && s.finished_ns != 0;
}
// It began as far as is known, but its process was killed before it ended.
bool end_is_unknown(const Sample& s) {
  return s.finished_ns == 0 && (started(s) || s.outcome == Outcome::cancelled);
}

// figure(s) of every sample s for which belongs(s) holds.
template <typename Belongs, typename Figure>
std::vector<int64_t> collect(std::span<const Sample> samples, Belongs belongs, Figure figure) {
  std::vector<int64_t> values;
  for (const Sample& s : samples) {
    if (belongs(s)) values.push_back(figure(s));
  }
  return values;
}

int64_t connecting_ns(const Sample& s) {
  return s.finished_ns - s.started_ns;
}

// @param never_offered attempts that have no sample: they did not connect either
// @param chosen percentiles beyond those of summary.csv, in percent
void summarise_times(SummaryRow& row, std::span<const Sample> samples, size_t never_offered,
                     std::span<const double> chosen) {
  const auto connected = [](const Sample& s) { return ended(s) && s.outcome == Outcome::connected; };
  const auto late = [](const Sample& s) { return ended(s) && s.outcome == Outcome::deadline_exceeded; };
  // After a retransmitted SYN, the kernel's round trip covers only the last exchange.
  const auto compared = [&](const Sample& s) { return connected(s) && s.handshake_known && s.syn_retransmits == 0; };

  auto connecting = collect(samples, connected, connecting_ns);
  row.connecting = percentiles(connecting);
  const auto any = [](const Sample&) { return true; };
  auto response =
      collect(samples, any, [&](const Sample& s) { return connected(s) ? s.finished_ns - s.scheduled_ns : never_ns; });
  row.response = percentiles(response, never_offered);
  for (const double percent : chosen)
    row.chosen.push_back({.percent = percent,
                          .connecting_ns = quantile(connecting, percent / 100),
                          .response_ns = quantile(response, percent / 100, never_offered)});
  auto queue = collect(samples, started, [](const Sample& s) { return s.started_ns - s.scheduled_ns; });
  row.queue = percentiles(queue);
  auto overshoot = collect(samples, late, [&](const Sample& s) { return connecting_ns(s) - row.what.timeout.count(); });
  row.overshoot = percentiles(overshoot);
  auto reaped =
      collect(samples, late, [&](const Sample& s) { return s.reaped_ns - s.started_ns - row.what.timeout.count(); });
  row.reaped_overshoot = percentiles(reaped);
  auto added = collect(samples, compared, [](const Sample& s) { return connecting_ns(s) - s.round_trip_ns; });
  row.added_p50_ns = quantile(added, 0.5);
  row.added_p99_ns = quantile(added, 0.99);
}

// A wave with an attempt whose end is unknown lasted longer than its samples show. It has no makespan: one that is too
// short would make the wave look fast.
std::optional<int64_t> makespan_of(std::span<const Sample> samples) {
  if (std::none_of(samples.begin(), samples.end(), started)) return std::nullopt;
  if (std::any_of(samples.begin(), samples.end(), end_is_unknown)) return std::nullopt;
  int64_t first = std::numeric_limits<int64_t>::max(), last = 0;
  for (const Sample& s : samples) {
    if (!started(s)) continue;
    first = std::min(first, s.scheduled_ns);
    last = std::max(last, s.finished_ns);
  }
  return last - first;
}

// A target of a fleet has the makespan of the whole wave too: an attempt that starved until the wave ended waited in
// the queue as long as the others.
void summarise_rates(SummaryRow& row, std::span<const Sample> samples) {
  if (row.makespan_ns.value_or(0) <= 0) return;
  double connecting_sum = 0;
  for (const Sample& s : samples)
    if (started(s)) connecting_sum += static_cast<double>(connecting_ns(s));
  const double makespan = static_cast<double>(*row.makespan_ns);
  const auto per_second = [&](size_t n) {
    return n == 0 ? std::nullopt : std::optional(static_cast<double>(n) * 1e9 / makespan);
  };
  const size_t connects = row.count(Outcome::connected);
  row.connects_per_s = per_second(connects);
  row.completions_per_s =
      per_second(connects + row.count(Outcome::refused) + row.count(Outcome::reset) + row.count(Outcome::unreachable));
  row.in_flight_mean = connecting_sum / makespan;
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

// The samples of the attempts that were offered.
std::vector<Sample> offered_samples(const RecordedWave& recorded) {
  std::vector<Sample> own;
  for (size_t i = 0; i < recorded.end_of_offered(); ++i)
    if (recorded.offered(i)) own.push_back(recorded.sample(i));
  return own;
}

// Everything but the makespan and the rates that follow from it.
SummaryRow begin(const RecordedWave& recorded, std::span<const Sample> samples, size_t never_offered,
                 std::span<const double> chosen) {
  const WaveResult& wave = recorded.wave;
  SummaryRow row;
  row.run_id = recorded.run_id;
  row.what = wave.what;
  row.repetition = wave.repetition;
  row.wave = wave.wave;
  if (wave.started_ns != 0) row.wave_started_ns = wave.started_ns - recorded.origin_ns;
  row.failed = !wave.failure.empty();
  row.attempts = samples.size() + never_offered;
  for (const Sample& s : samples) ++row.outcomes[static_cast<size_t>(s.outcome)];
  row.outcomes[static_cast<size_t>(Outcome::never_started)] += never_offered;
  row.usage = wave.usage;
  row.peak = wave.peak;
  row.arrivals = account(samples);
  summarise_times(row, samples, never_offered, chosen);
  return row;
}

// The row of one target of a fleet.
SummaryRow summarise_target(const RecordedWave& recorded, size_t target, std::optional<int64_t> makespan_ns,
                            std::span<const double> chosen) {
  const Assignment& assignment = *recorded.assignment;
  std::vector<Sample> own;
  for (size_t i = 0; i < recorded.end_of_offered(); ++i)
    if (recorded.offered(i) && assignment.of[i] == target) own.push_back(recorded.sample(i));
  WaveResult part = recorded.wave;
  part.what.target = assignment.targets[target];
  part.what.attempts = part.by_time ? own.size() : static_cast<size_t>(std::ranges::count(assignment.of, target));
  part.usage = {};
  part.peak = {};
  SummaryRow row = begin({.run_id = recorded.run_id, .origin_ns = recorded.origin_ns, .wave = part, .samples = own},
                         own, part.what.attempts - own.size(), chosen);
  row.makespan_ns = makespan_ns;
  summarise_rates(row, own);
  return row;
}

// The row of one host of a cluster.
SummaryRow summarise_host(const RecordedWave& recorded, size_t host, std::span<const double> chosen) {
  const std::vector<HostPart>& hosts = recorded.wave.hosts;
  const HostPart& of_host = hosts[host];
  std::vector<Sample> own;
  for (size_t i = host; i < recorded.end_of_offered(); i += hosts.size())
    if (recorded.offered(i)) own.push_back(recorded.sample(i));
  WaveResult part = recorded.wave;
  part.started_ns = of_host.started_ns;
  part.usage = of_host.usage;
  part.peak = of_host.peak;
  part.failure = of_host.failure;
  const size_t wanted = part.by_time ? own.size() : Division{recorded.samples.size(), hosts.size()}.count(host);
  SummaryRow row = begin({.run_id = recorded.run_id, .origin_ns = recorded.origin_ns, .wave = part, .samples = own},
                         own, wanted - own.size(), chosen);
  row.rank = std::to_string(of_host.rank);
  row.makespan_ns = makespan_of(own);
  summarise_rates(row, own);
  return row;
}

}  // namespace

SummaryRow summarise(const RecordedWave& recorded, std::optional<uint64_t> syscalls, std::span<const double> chosen) {
  const std::vector<Sample> offered = recorded.wave.offered.empty() ? std::vector<Sample>() : offered_samples(recorded);
  const std::span<const Sample> samples = recorded.wave.offered.empty() ? recorded.samples : std::span(offered);
  SummaryRow row = begin(recorded, samples, recorded.never_offered(), chosen);
  row.syscalls = syscalls;
  row.makespan_ns = makespan_of(samples);
  summarise_rates(row, samples);
  for (size_t host = 0; host < recorded.wave.hosts.size(); ++host)
    row.by_host.push_back(summarise_host(recorded, host, chosen));
  if (!row.by_host.empty()) row.rank = every_rank;
  if (recorded.assignment == nullptr) return row;
  for (size_t target = 0; target < recorded.assignment->targets.size(); ++target)
    row.by_target.push_back(summarise_target(recorded, target, row.makespan_ns, chosen));
  for (SummaryRow& part : row.by_target) part.rank = row.rank;
  return row;
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
