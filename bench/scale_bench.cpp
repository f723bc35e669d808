// How deadlines are kept with half a million attempts pending at once: a sharded connector compared with a bare sharded
// epoll loop (bench/bare_shards.h), in interleaved waves of one run.
//   scale/<connector>/<pending>/at_once   in the lab's blackhole, in as many shards as RLIMIT_NOFILE requires.
//                                         A connector that begins faster than it gives up is late by the difference
//   scale/<connector>/<pending>/paced     all begun within 10 s, at an even rate
//
// started_s          time from the beginning of the wave to the start of its last attempt (the slowest wave)
// bytes_each         peak resident memory of the wave's process divided by its attempts; includes their samples
// late_p50_ms, …     time past the deadline in the median wave until an attempt is given up; bare_…: for the bare loop
// reaped_p50_ms, …   the same until the runner has it
// p50_ratio, …       connector divided by bare loop within each pair of waves: the median pair
// not_given_up       attempts in all waves that did not end by their deadline; must be 0
//
// Sizes for which the machine lacks memory are skipped, with the reason. --allow-tcp-memory raises net.ipv4.tcp_mem for
// a million, and restores it. Takes the usual --benchmark_* flags.
#include <fmt/format.h>

#include <algorithm>

#include "bench/bare_shards.h"
#include "bench/bench_support.h"
#include "harness/lab/lab.h"
#include "harness/process/ask_in_child.h"
#include "harness/process/shared.h"
#include "harness/run/pending_room.h"
#include "harness/run/tcp_memory.h"
#include "harness/support/statistics.h"
#include "harness/wave/division.h"

namespace {

using namespace connbench;
using std::chrono::seconds;

constexpr int pairs = 3;
constexpr size_t in_a_shard = 19'300;
// Between two retransmissions of a SYN (7 s and 15 s after it), and longer than it takes to begin all attempts.
constexpr Duration timeout = seconds(13);
constexpr Duration wave_limit = seconds(120);
constexpr double paced_over_s = 10;

enum class Start : uint8_t { at_once, paced };

struct Wave {
  double started_s;
  double late_p50_ms;
  double late_p99_ms;
  double reaped_p50_ms;
  double reaped_p99_ms;
  size_t not_given_up;
};

// The results that leave the lab, which is another process.
struct Figures {
  double started_s = 0;
  double bare_started_s = 0;
  double bytes_each = 0;
  double late_p50_ms = 0, late_p99_ms = 0;
  double reaped_p50_ms = 0, reaped_p99_ms = 0;
  double bare_p50_ms = 0, bare_p99_ms = 0;
  double p50_ratio = 0, p99_ratio = 0, p99_ratio_min = 0, p99_ratio_max = 0;
  size_t not_given_up = 0;
  char failure[256]{};
};

Wave figures_of(std::span<const Sample> samples) {
  int64_t first = INT64_MAX;
  int64_t last = 0;
  std::vector<int64_t> late, reaped;
  late.reserve(samples.size());
  reaped.reserve(samples.size());
  size_t others = 0;
  for (const Sample& sample : samples) {
    if (sample.started_ns != 0) first = std::min(first, sample.started_ns);
    last = std::max(last, sample.started_ns);
    if (sample.outcome != Outcome::deadline_exceeded) {
      ++others;
      continue;
    }
    late.push_back(sample.finished_ns - sample.started_ns - timeout.count());
    reaped.push_back(sample.reaped_ns - sample.started_ns - timeout.count());
  }
  const auto ms = [](std::vector<int64_t>& of, double q) {
    return static_cast<double>(quantile(of, q).value_or(0)) / 1e6;
  };
  return {.started_s = static_cast<double>(last - first) / 1e9,
          .late_p50_ms = ms(late, 0.5),
          .late_p99_ms = ms(late, 0.99),
          .reaped_p50_ms = ms(reaped, 0.5),
          .reaped_p99_ms = ms(reaped, 0.99),
          .not_given_up = others};
}

class Comparison {
 public:
  Comparison(const char* connector, size_t pending, double rate, const Target& target, const Target& answering)
      : named_(find_connector(connector)), rate_(rate), target_(target), answering_(answering) {
    const size_t table = std::min<size_t>(in_a_shard, pending_by_descriptors().value);
    what_ = {.scenario = "burst",
             .connector = named_.name,
             .target = "blackhole",
             .concurrency = pending,
             .shards = (pending + table - 1) / table,
             .attempts = pending,
             .timeout = timeout};
  }

  Figures run() {
    Figures figures;
    std::vector<Wave> ours;
    std::vector<Wave> bare;
    for (int pair = 0; pair < pairs; ++pair) {
      if (pair % 2 == 0) bare.push_back(of_bare_loop());
      ours.push_back(of_connector(figures));
      if (pair % 2 == 1) bare.push_back(of_bare_loop());
    }
    std::vector<double> p50;
    std::vector<double> p99;
    for (size_t i = 0; i < ours.size(); ++i) {
      p50.push_back(ours[i].late_p50_ms / bare[i].late_p50_ms);
      p99.push_back(ours[i].late_p99_ms / bare[i].late_p99_ms);
      figures.not_given_up += ours[i].not_given_up;
    }
    const auto of = [](const std::vector<Wave>& waves, double Wave::*figure) {
      std::vector<double> values;
      for (const Wave& wave : waves) values.push_back(wave.*figure);
      return values;
    };
    figures.started_s = std::ranges::max(of(ours, &Wave::started_s));
    figures.bare_started_s = std::ranges::max(of(bare, &Wave::started_s));
    figures.late_p50_ms = *median(of(ours, &Wave::late_p50_ms));
    figures.late_p99_ms = *median(of(ours, &Wave::late_p99_ms));
    figures.reaped_p50_ms = *median(of(ours, &Wave::reaped_p50_ms));
    figures.reaped_p99_ms = *median(of(ours, &Wave::reaped_p99_ms));
    figures.bare_p50_ms = *median(of(bare, &Wave::late_p50_ms));
    figures.bare_p99_ms = *median(of(bare, &Wave::late_p99_ms));
    figures.p50_ratio = *median(p50);
    figures.p99_ratio = *median(p99);
    std::tie(figures.p99_ratio_min, figures.p99_ratio_max) = std::pair(std::ranges::min(p99), std::ranges::max(p99));
    return figures;
  }

 private:
  Wave of_connector(Figures& figures) {
    SampleBuffer samples(what_.attempts);
    Unattended parent;
    const WaveResult result = run_wave({.what = &what_,
                                        .connector = &named_,
                                        .load = {.endpoints = target_.endpoints(), .limit = wave_limit},
                                        .warm_up = answering_.endpoints(),
                                        .pacing = [&] { return rate_ > 0 ? uniform_arrivals(rate_) : closed_loop(); }},
                                       samples, parent);
    if (!result.failure.empty()) throw std::runtime_error(result.failure);
    const double bytes = static_cast<double>(result.usage.rss_peak_kib) * 1024;
    figures.bytes_each = std::max(figures.bytes_each, bytes / static_cast<double>(what_.attempts));
    return figures_of(samples.samples());
  }

  Wave of_bare_loop() {
    SampleBuffer samples(what_.attempts);
    const BareShards bare{
        .shards = what_.shards, .timeout = timeout, .endpoints = target_.endpoints(), .rate_per_s = rate_};
    const ChildAnswer answer = ask_in_child([&] {
      samples.populate();
      bare_shards(bare, samples.samples());
      return std::string();
    });
    if (!answer.ok) throw std::runtime_error("the bare loop: " + answer.text);
    for (Sample& sample : samples.samples()) sample.outcome = Outcome::deadline_exceeded;
    return figures_of(samples.samples());
  }

  Case what_;
  NamedConnector named_;
  double rate_;  // attempts begun per second; 0 = all at once
  const Target& target_;
  const Target& answering_;
};

std::string why_not_so_many(size_t pending) {
  for (const auto& limit : {pending_by_tcp_memory(usual_pending_cost), pending_by_memory(usual_pending_cost)})
    if (limit && limit->value < pending)
      return fmt::format("{} allows {} pending attempts; to raise it: {}", limit->name, limit->value,
                         limit->how_to_raise);
  return "";
}

Figures compare_in_lab(const char* connector, size_t pending, double rate) {
  const lab::Options options{
      .sysctls = {{"net.ipv4.ip_local_port_range", "16384 65535"}, {"net.ipv4.tcp_syn_linear_timeouts", "0"}}};
  const Shared<Figures> figures;
  measure_in_lab(options, [&](lab::Lab& lab) {
    const auto target = find_target("blackhole").open({.open_at_once = pending, .lab = &lab});
    const auto answering = find_target("accepting").open({.lab = &lab});
    *figures = Comparison(connector, pending, rate, *target, *answering).run();
  });
  return *figures;
}

void scale(benchmark::State& state, const char* connector, size_t pending, Start start) try {
  if (const std::string reason = why_not_so_many(pending); !reason.empty())
    return state.SkipWithError(("skipped: " + reason).c_str());
  if (skipped(state, connector, std::min(pending, in_a_shard))) return;
  Figures figures;
  for ([[maybe_unused]] auto _ : state)
    figures =
        compare_in_lab(connector, pending, start == Start::paced ? static_cast<double>(pending) / paced_over_s : 0);
  const std::pair<const char*, double> counters[] = {
      {"started_s", figures.started_s},          {"bare_started_s", figures.bare_started_s},
      {"bytes_each", figures.bytes_each},        {"late_p50_ms", figures.late_p50_ms},
      {"late_p99_ms", figures.late_p99_ms},      {"reaped_p50_ms", figures.reaped_p50_ms},
      {"reaped_p99_ms", figures.reaped_p99_ms},  {"bare_late_p50_ms", figures.bare_p50_ms},
      {"bare_late_p99_ms", figures.bare_p99_ms}, {"p50_ratio", figures.p50_ratio},
      {"p99_ratio", figures.p99_ratio},          {"p99_ratio_min", figures.p99_ratio_min},
      {"p99_ratio_max", figures.p99_ratio_max},  {"not_given_up", static_cast<double>(figures.not_given_up)}};
  for (const auto& [name, value] : counters) state.counters[name] = value;
} catch (const std::exception& error) {
  state.SkipWithError(fmt::format("skipped: {}", error.what()).c_str());
}

// Takes --allow-tcp-memory out of the arguments, which Google Benchmark does not know.
bool take_allow_tcp_memory(int& argc, char** argv) {
  const auto end = argv + argc;
  const auto found = std::find(argv, end, std::string_view("--allow-tcp-memory"));
  if (found == end) return false;
  std::move(found + 1, end + 1, found);  // with the null pointer at the end
  --argc;
  return true;
}

}  // namespace

int main(int argc, char** argv) try {
  note_tcp_memory();
  std::unique_ptr<TcpMemory> memory;
  if (take_allow_tcp_memory(argc, argv)) {
    memory = std::make_unique<TcpMemory>(1'000'000);
    if (memory->is_raised()) fmt::print(stderr, "{}\n", memory->describe());
  }
  for (const char* connector : {"epoll", "io-uring", "io-uring+deadline:link"})
    for (const size_t pending : {size_t{500'000}, size_t{1'000'000}})
      for (const Start start : {Start::at_once, Start::paced})
        add_comparison(fmt::format("scale/{}/{}/{}", connector, pending, start == Start::paced ? "paced" : "at_once"),
                       [=](benchmark::State& state) { scale(state, connector, pending, start); });
  return bench_main(argc, argv);
} catch (const CannotRaise& cannot) {
  fmt::print(stderr, "--allow-tcp-memory: {}\n", cannot.reason);
  return 3;
}
