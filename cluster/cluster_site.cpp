#include "cluster/cluster_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/wave/division.h"
#include "harness/wave/share.h"

namespace connbench::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration opening_patience = seconds(30);
constexpr Duration usage_patience = seconds(5);
constexpr Duration ready_patience = seconds(25);  // shorter than a child waits for the others
// From the order to begin until it has reached every child, and each has slept until shortly before.
constexpr Duration lead = milliseconds(100);
// What a worker adds to the limit of a wave before it kills its child, and the way of the samples to here.
constexpr Duration after_limit = seconds(15);
constexpr Duration between_samples = seconds(15);
// Until a disk has what was written: gigabytes, on a slow one.
constexpr Duration finishing_patience = std::chrono::minutes(30);
// A child is killed half a second after it was asked to stop.
constexpr Duration after_stop = seconds(3);
// A counting wave may take that much longer (LocalSite).
constexpr int counting_slower = 20;

}  // namespace

/// One client's part of a wave.
struct ClusterSite::Part {
  int32_t rank = 0;
  bool ready = false;
  bool done = false;
  WaveResult result{};
  int64_t offset_ns = 0;  // of its clock, at the beginning of the wave
  std::string failure{};  // other than that of its child
};

ClusterSite::ClusterSite(Job& job, WorkSharing sharing, StopSignal& stop, std::function<void(Json)> describe)
    : job_(job),
      sharing_(std::move(sharing)),
      stop_(stop),
      describe_(std::move(describe)),
      clocks_(sharing_.clients.size(), Json::array()) {}

// A search for a rate changes a case's rate and attempts; it has one rate to begin with.
size_t ClusterSite::number_of(const PlannedCase& planned) const {
  const auto alike = [&](const PlannedCase& other) {
    return other.connector == planned.connector && other.target == planned.target && other.mix == planned.mix &&
           other.what.family == planned.what.family && other.what.concurrency == planned.what.concurrency &&
           other.what.timeout == planned.what.timeout;
  };
  const auto same = [&](const PlannedCase& other) { return alike(other) && other.load == planned.load; };
  const auto& cases = sharing_.plan->cases;
  auto found = std::ranges::find_if(cases, same);
  if (found == cases.end()) found = std::ranges::find_if(cases, alike);
  return sharing_.numbers.at(static_cast<size_t>(found - cases.begin()));
}

size_t ClusterSite::open(const PlannedCase& planned) {
  size_t destinations = 0;
  for (const int32_t rank : sharing_.clients) {
    job_.tell(rank, {{"is", "open"}, {"case", number_of(planned)}});
    destinations += job_.answer(rank, opening_patience).at("destinations").get<size_t>();
  }
  return destinations;
}

SyscallCounting ClusterSite::counting() {
  SyscallCounting all;
  for (const int32_t rank : sharing_.clients) {
    job_.tell(rank, {{"is", "counting"}});
    const Json answer = job_.answer(rank, opening_patience);
    const std::string method = answer.at("method");
    if (method.empty()) return {"", fmt::format("{}: {}", job_.host(rank).name, answer.at("why").get<std::string>())};
    // The methods of two hosts may differ; what they count does not.
    all.method = method == "strace" ? "strace" : "tracepoint";
  }
  return all;
}

WaveResult ClusterSite::wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition,
                             std::string_view counting) {
  std::vector<Part> parts;
  kept_wave_.reset();
  for (const int32_t rank : sharing_.clients) parts.push_back({.rank = rank});
  const Usage served_before = usage_of_servers();
  const auto before = job_.measure_clocks(sharing_.clients);
  const Json order{{"is", "wave"},
                   {"number", ++wave_},
                   {"case", number_of(planned)},
                   {"repetition", repetition},
                   {"counting", !counting.empty()},
                   {"attempts", planned.what.attempts},
                   {"scenario", planned.what.scenario},
                   {"load", planned.load},
                   {"limit_ns", planned.limit.count()}};
  for (const int32_t rank : sharing_.clients) job_.tell(rank, order);
  await_ready(parts, samples);
  if (stop_.pending() == 0 && job_.lost().empty()) job_.begin(lead);
  await_results(parts, samples, planned.limit * (counting.empty() ? 1 : counting_slower) + after_limit);
  keep_clocks(parts, before, job_.measure_clocks(sharing_.clients));
  if (sharing_.kept && counting.empty()) gather(parts, planned, repetition);
  WaveResult result = joined(planned, parts, samples);
  result.repetition = repetition;
  if (!sharing_.servers.empty()) {
    const Usage served = usage_of_servers() - served_before;
    result.usage.server_cpu_ns = served.server_cpu_ns;
    result.usage.listen_overflows = served.listen_overflows;
  }
  describe_(description());
  return result;
}

// Only what servers cost; all of it is -1 where one of them does not say.
Usage ClusterSite::usage_of_servers() {
  Usage all{.server_cpu_ns = 0, .listen_overflows = 0};
  try {
    for (const int32_t rank : sharing_.servers) {
      job_.tell(rank, {{"is", "usage"}});
      const Json said = job_.answer(rank, usage_patience);
      all = sum_of(all, {.server_cpu_ns = said.at("cpu_ns"), .listen_overflows = said.at("overflows")});
      fitness_[rank] = read_fitness(said.at("fitness"));
    }
  } catch (const HostMissing&) {  // a loss, which ends the run
    return {};
  }
  return all;
}

bool ClusterSite::still_to_come(const std::vector<Part>& parts, bool Part::*what) const {
  return std::ranges::any_of(parts,
                             [&](const Part& part) { return !(part.*what) && !part.done && !job_.is_lost(part.rank); });
}

void ClusterSite::take(std::vector<Part>& parts, SampleBuffer& samples, int32_t rank, const Json& message) {
  const auto found = std::ranges::find(parts, rank, &Part::rank);
  if (found == parts.end() || message.value("wave", uint64_t{0}) != wave_) return;
  Part& part = *found;
  const auto index = static_cast<size_t>(found - parts.begin());
  const std::string is = message.at("is");
  if (is == "ready") part.ready = true;
  if (is == "result") {
    part.result = read_result(message);
    fitness_[rank] = read_fitness(message.at("fitness"));
    part.done = true;
  }
  if (is != "samples") return;
  // Shard s of this host is part s·hosts + index of the whole wave, and both have the same attempts in the same order.
  const auto [first, some] = read_samples(message);
  const size_t hosts = parts.size();
  const Division whole{samples.samples().size(), message.at("shards").get<size_t>() * hosts};
  const Division own{Division{samples.samples().size(), hosts}.count(index), message.at("shards").get<size_t>()};
  size_t shard = 0;
  for (size_t i = 0; i < some.size(); ++i) {
    const size_t position = first + i;
    if (position >= own.attempts) return;
    while (position >= own.first(shard) + own.count(shard)) ++shard;
    samples.samples()[whole.first(shard * hosts + index) + position - own.first(shard)] = some[i];
  }
}

void ClusterSite::stop_parts() {
  for (const int32_t rank : sharing_.clients) job_.tell(rank, {{"is", "stop"}});
}

// A child that fails before it is ready has samples too.
void ClusterSite::await_ready(std::vector<Part>& parts, SampleBuffer& samples) {
  const TimePoint deadline = now() + ready_patience;
  while (still_to_come(parts, &Part::ready) && stop_.pending() == 0 && now() < deadline)
    if (const auto said = job_.next(deadline)) take(parts, samples, said->first, said->second);
}

void ClusterSite::await_results(std::vector<Part>& parts, SampleBuffer& samples, Duration longest) {
  TimePoint deadline = now() + longest;
  bool told = false;
  while (still_to_come(parts, &Part::done) && now() < deadline) {
    if (!told && (stop_.pending() != 0 || !job_.lost().empty())) {
      told = true;  // a loss ends the run: what the others measure without it is not what was asked for
      stop_parts();
      deadline = std::min(deadline, now() + after_stop);
    }
    const auto said = told ? job_.next_of_the_last(deadline) : job_.next(deadline);
    if (!said) continue;
    take(parts, samples, said->first, said->second);
    if (said->second.at("is") == "samples") deadline = std::max(deadline, now() + between_samples);
  }
  say_why_not(parts);
}

void ClusterSite::say_why_not(std::vector<Part>& parts) const {
  for (Part& part : parts)
    if (!part.done && part.failure.empty()) part.failure = "gave no result in time";
  for (const Loss& loss : job_.lost()) {
    const auto part = std::ranges::find(parts, loss.rank, &Part::rank);
    if (part != parts.end() && !part->done) part->failure = "was lost: " + loss.why;
  }
}

// Where samples stay on the hosts, a part without figures is one without a result.
void ClusterSite::gather(std::vector<Part>& parts, const PlannedCase& planned, unsigned repetition) {
  const SamplesOnHosts& kept = *sharing_.kept;
  const Division division{planned.what.attempts, parts.size()};
  WaveAtHosts wave{.wave = wave_,
                   .quantiles = kept.quantiles,
                   .by_time = planned.lasts > Duration::zero(),
                   .rows = !kept.files.empty()};
  for (size_t i = 0; i < parts.size(); ++i)
    wave.parts.push_back(
        {.rank = parts[i].rank, .attempts = division.count(i), .offset_ns = parts[i].offset_ns, .here = parts[i].done});
  if (const auto assignment = planned.assignment(kept.seed, repetition))
    for (size_t target = 0; target < assignment->targets.size(); ++target)
      wave.of_targets.push_back(static_cast<size_t>(std::ranges::count(assignment->of, target)));
  kept_wave_ = std::make_unique<KeptWave>(job_, stop_, std::move(wave));
  kept_wave_->gather();
  for (size_t i = 0; i < parts.size(); ++i) parts[i].done = kept_wave_->has(i);
  say_why_not(parts);
}

// The wave began between the two readings. One offset serves all stamps of a wave, so that no duration is changed.
void ClusterSite::keep_clocks(std::vector<Part>& parts, const std::vector<ClockReading>& before,
                              const std::vector<ClockReading>& after) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const ClockReading &one = before[i], &other = after[i];
    Json entry{{"offset_ns", nullptr}, {"bound_ns", nullptr}, {"drift_ppm", nullptr}};
    if (one.bound_ns >= 0) {
      parts[i].offset_ns = one.offset_ns;
      entry["offset_ns"] = one.offset_ns;
      entry["bound_ns"] = one.bound_ns;
    }
    if (one.bound_ns >= 0 && other.bound_ns >= 0 && other.at_ns > one.at_ns) {
      const double drift =
          static_cast<double>(other.offset_ns - one.offset_ns) / static_cast<double>(other.at_ns - one.at_ns);
      const int64_t began = parts[i].result.started_ns - one.offset_ns;
      if (parts[i].result.started_ns != 0)
        parts[i].offset_ns += static_cast<int64_t>(drift * static_cast<double>(began - one.at_ns));
      entry["offset_ns"] = parts[i].offset_ns;
      entry["bound_ns"] = std::max(one.bound_ns, other.bound_ns);
      entry["drift_ppm"] = drift * 1e6;
    }
    clocks_[i].push_back(std::move(entry));
  }
}

WaveResult ClusterSite::joined(const PlannedCase& planned, std::vector<Part>& parts, SampleBuffer& samples) const {
  const size_t hosts = parts.size();
  const Division whole{planned.what.attempts, planned.what.parts()};
  WaveResult all{.what = planned.what};
  all.by_time = planned.lasts > Duration::zero();
  std::vector<size_t> offered;
  for (size_t i = 0; i < whole.shards; ++i) offered.push_back(whole.count(i));
  bool complete = true;
  for (size_t i = 0; i < hosts; ++i) {
    Part& part = parts[i];
    WaveResult& own = part.result;
    if (!part.done || !part.failure.empty()) own.offered.assign(planned.what.shards, 0);
    complete = complete && own.offered.empty();
    for (size_t shard = 0; shard < own.offered.size(); ++shard) offered[shard * hosts + i] = own.offered[shard];
    const std::string failure = part.failure.empty() ? own.failure : part.failure;
    if (!failure.empty())
      all.failure += fmt::format("{}{}: {}", all.failure.empty() ? "" : "; ", job_.host(part.rank).name, failure);
    const int64_t began = own.started_ns == 0 ? 0 : own.started_ns - part.offset_ns;
    if (began != 0) {
      all.started_ns = all.started_ns == 0 ? began : std::min(all.started_ns, began);
    }
    all.usage = i == 0 ? own.usage : sum_of(all.usage, own.usage);
    all.peak = i == 0 ? own.peak : sum_of(all.peak, own.peak);
    for (const SyscallCount& one : own.syscalls) {
      const auto known = std::ranges::find(all.syscalls, one.name, &SyscallCount::name);
      known == all.syscalls.end() ? all.syscalls.push_back(one) : static_cast<void>(known->calls += one.calls);
    }
    all.hosts.push_back({static_cast<unsigned>(part.rank), began, own.usage, own.peak, failure});
    for (size_t shard = 0; shard < planned.what.shards && !sharing_.kept; ++shard)
      move_stamps(samples.samples().subspan(whole.first(shard * hosts + i), offered[shard * hosts + i]),
                  -part.offset_ns);
  }
  if (!complete) all.offered = std::move(offered);
  return all;
}

MachineFitness ClusterSite::fitness() {
  MachineFitness all{};
  bool first = true;
  for (const auto& [rank, own] : fitness_) {
    all.seen = std::exchange(first, false) ? own.seen : sum_of(all.seen, own.seen);
    for (const std::string& reason : own.unfit)
      all.unfit.push_back(fmt::format("{}: {}", job_.host(rank).name, reason));
  }
  return all;
}

SessionEnd ClusterSite::state() {
  if (stop_.pending() != 0) return SessionEnd::interrupted;
  return job_.lost().empty() && unfinished_.empty() ? SessionEnd::complete : SessionEnd::broke;
}

std::string ClusterSite::died() {
  std::string text;
  for (const auto& [rank, host, why, with_job] : job_.lost())
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", host, why);
  return text.empty() ? unfinished_ : text;
}

void ClusterSite::finish_records() {
  if (!sharing_.kept || sharing_.kept->files.empty()) return;
  try {
    for (const int32_t rank : sharing_.clients) job_.tell(rank, {{"is", "finish"}});
    for (const int32_t rank : sharing_.clients) job_.answer(rank, finishing_patience);
  } catch (const HostMissing& error) {
    unfinished_ = error.what();
  }
}

void ClusterSite::end() {
  launcher_ = {{"end", job_.end()}, {"log", job_.log()}};
  describe_(description());
}

Json ClusterSite::description() const {
  Json hosts = Json::array();
  for (const Host& host : job_.hosts()) {
    Json entry{{"rank", host.rank}, {"name", host.name}};
    const auto client = std::ranges::find(sharing_.clients, host.rank);
    entry["does"] = client == sharing_.clients.end() ? "serves" : "connects";
    for (const char* fact : {"hostname", "version", "kernel", "processors", "limits"})
      entry[fact] = host.hello.value(fact, Json());
    if (client != sharing_.clients.end()) {
      const auto index = static_cast<size_t>(client - sharing_.clients.begin());
      entry["clocks"] = clocks_[index];
      if (sharing_.kept) entry["samples"] = sharing_.kept->files.empty() ? Json() : Json(sharing_.kept->files[index]);
    }
    hosts.push_back(std::move(entry));
  }
  Json lost = Json::array();
  for (const auto& [rank, host, why, with_job] : job_.lost())
    lost.push_back({{"rank", rank}, {"host", host}, {"why", why}});
  return {{"hosts", std::move(hosts)},
          {"lost", std::move(lost)},
          {"launcher", launcher_},
          {"samples_on_hosts", sharing_.kept.has_value()}};
}

}  // namespace connbench::cluster
