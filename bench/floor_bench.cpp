// Connectors against their floor, in one process: the targets that this project holds itself to. Blocks of about 20 ms,
// in ABBA order, because the machine drifts by more between two commands than any connector costs.
//   floor/<connector>/<concurrency>   rate as a share of the bare loop's (ratio = median over the ABBA pairs)
//   floor/null                        cost of an attempt in clock reads
//   floor/pending_bytes/<connector>   memory per pending attempt (pending_bytes.cpp)
// All the usual --benchmark_* flags.
#include <fmt/format.h>
#include <sched.h>
#include <sys/epoll.h>

#include <algorithm>
#include <functional>

#include "bench/bare_loops.h"
#include "bench/bare_ring.h"
#include "bench/bench_support.h"
#include "bench/pending_bytes.h"
#include "harness/machine/machine.h"
#include "harness/support/statistics.h"

namespace {

using namespace connbench;
using std::chrono::milliseconds;
using Block = std::function<void()>;

constexpr int pairs = 100;
constexpr Duration block_length = milliseconds(20);

double seconds_of(const Block& block) {
  const TimePoint start = now();
  block();
  return std::chrono::duration<double>(now() - start).count();
}

// One connector that lives as long as the comparison, as the bare loop's thread does.
class Driven {
 public:
  Driven(std::string_view connector, std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency)
      : named_(find_connector(connector)),
        connector_(named_.entry->make({named_.options, concurrency, retirement_})),
        endpoints_(endpoints),
        concurrency_(concurrency),
        samples_(attempts) {
    samples_.populate();
  }

  void run() {
    drive(*connector_,
          {.load = {.endpoints = endpoints_, .limit = std::chrono::minutes(1)},
           .concurrency = concurrency_,
           .timeout = std::chrono::seconds(30),  // a SYN that a busy machine lost is sent again
           .pacing = pacing_.get()},
          samples_.samples());
    for (const Sample& sample : samples_.samples())
      if (sample.outcome != Outcome::connected) throw std::runtime_error("an attempt did not connect");
  }

 private:
  Retirement retirement_{{}, 0};
  NamedConnector named_;
  std::unique_ptr<Connector> connector_;
  std::span<const Endpoint> endpoints_;
  size_t concurrency_;
  SampleBuffer samples_;
  std::unique_ptr<Pacing> pacing_ = closed_loop();
};

std::vector<int> server_cpu() {
  return {online_cpus().back()};
}

// Ratios time(b) / time(a), one per ABBA group.
std::vector<double> abba(const Block& a, const Block& b, int groups) {
  std::vector<double> ratios;
  a();
  b();
  for (int i = 0; i < groups; ++i) {
    const double a1 = seconds_of(a);
    const double b1 = seconds_of(b);
    const double b2 = seconds_of(b);
    const double a2 = seconds_of(a);
    ratios.push_back((b1 + b2) / (a1 + a2));
  }
  std::ranges::sort(ratios);
  return ratios;
}

void report_ratios(benchmark::State& state, const std::vector<double>& ratios) {
  const size_t n = ratios.size();
  state.counters["ratio"] = *median(ratios);
  state.counters["ratio_q1"] = ratios[n / 4];
  state.counters["ratio_q3"] = ratios[n - 1 - n / 4];
  state.counters["pairs"] = static_cast<double>(n);
}

size_t attempts_per_block(const Block& thousand) {
  thousand();
  const double each = seconds_of(thousand) / 1000;
  return std::max<size_t>(static_cast<size_t>(std::chrono::duration<double>(block_length).count() / each), 10);
}

using BareLoop = std::function<void(std::span<const Endpoint>, size_t attempts, size_t concurrency)>;

void against_floor(benchmark::State& state, const std::string& connector, const BareLoop& bare, size_t concurrency) {
  OpenTargets targets;
  const auto endpoints = targets.open("accepting", Family::ipv4, concurrency, server_cpu()).endpoints();
  const size_t attempts = attempts_per_block([&] { bare(endpoints, 1000, concurrency); });
  Driven driven(connector, endpoints, attempts, concurrency);
  for ([[maybe_unused]] auto _ : state)
    report_ratios(state, abba([&] { driven.run(); }, [&] { bare(endpoints, attempts, concurrency); }, pairs));
  state.counters["attempts_per_block"] = static_cast<double>(attempts);
}

// The floor of a connector: the same system calls, with nothing around them. Made when its benchmark runs.
struct Floor {
  std::string connector;
  size_t concurrency;
  std::function<BareLoop()> make;
};

BareLoop threads_with(BareCall call) {
  return [call](auto endpoints, size_t n, size_t concurrency) { bare_threads(endpoints, n, concurrency, call); };
}

BareLoop epoll_with(uint32_t how) {
  return [how](auto endpoints, size_t n, size_t concurrency) { bare_epoll(endpoints, n, concurrency, how); };
}

// As many threads as the connector has by default; they live as long as the comparison, as its own do.
BareLoop pool_with(BareCall call) {
  const auto pool = std::make_shared<BarePool>(64, call);
  return [pool](auto endpoints, size_t n, size_t concurrency) { pool->run(endpoints, n, concurrency); };
}

// It stays as long as the comparison: the kernel takes a ring down in the background, beside what is measured.
BareLoop ring_for(size_t concurrency) {
  const auto ring = std::make_shared<BareIoUring>(concurrency);
  return [ring](auto endpoints, size_t n, size_t) { ring->run(endpoints, n); };
}

// A new mechanism is a row here, and a bare loop in bare_loops.h.
std::vector<Floor> floors() {
  std::vector<Floor> rows = {
      {"epoll", 256, [] { return epoll_with(EPOLLONESHOT); }},
      {"epoll-edge", 256, [] { return epoll_with(EPOLLET); }},
      {"poll", 256, [] { return BareLoop(bare_poll); }},
      {"select", 256, [] { return BareLoop(bare_select); }},
      {"blocking", 1, [] { return BareLoop(bare_blocking); }},
      {"io-uring", 256, [] { return ring_for(256); }},
      {"io-uring", 1, [] { return ring_for(1); }},
      // With one address a host, a race is an epoll loop.
      {"sequential", 256, [] { return epoll_with(EPOLLONESHOT); }},
      {"happy-eyeballs", 256, [] { return epoll_with(EPOLLONESHOT); }},
  };
  constexpr std::pair<const char*, BareCall> calls[] = {
      {"blocking", bare_plain}, {"sndtimeo", bare_sndtimeo}, {"select", bare_select_one},
      {"poll", bare_poll_one},  {"signal", bare_signal},     {"user-timeout", bare_user_timeout},
      {"syncnt", bare_syncnt},
  };
  for (const auto& [name, call] : calls) {
    rows.push_back({fmt::format("{}-threads", name), 256, [call = call] { return threads_with(call); }});
    if (call != bare_user_timeout && call != bare_syncnt)
      rows.push_back({fmt::format("{}-pool", name), 256, [call = call] { return pool_with(call); }});
  }
  return rows;
}

void null_in_clock_reads(benchmark::State& state) {
  const Endpoint nowhere = Endpoint::ipv4(0x7f000001, 1);
  constexpr size_t attempts = 100'000;
  Driven driven("null", {&nowhere, 1}, attempts, 256);
  const auto read_clocks = [] {
    for (size_t i = 0; i < attempts; ++i) benchmark::DoNotOptimize(now());
  };
  for ([[maybe_unused]] auto _ : state) {
    std::vector<double> reads = abba(
        read_clocks, [&] { driven.run(); }, pairs);
    state.counters["clock_reads_per_attempt"] = *median(reads);
    state.counters["q1"] = reads[reads.size() / 4];
    state.counters["q3"] = reads[reads.size() - 1 - reads.size() / 4];
  }
}

// Client and server on processors of their own: in one process the scheduler's choice would be part of every ratio.
void keep_to_first_cpu() {
  const std::vector<int> cpus = online_cpus();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpus.front()), &set);
  checked(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

template <class Function>
void add(const std::string& name, Function function) {
  benchmark::RegisterBenchmark(name.c_str(), function)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);
}

}  // namespace

int main(int argc, char** argv) {
  keep_to_first_cpu();
  for (const Floor& floor : floors())
    add(fmt::format("floor/{}/{}", floor.connector, floor.concurrency), [floor](benchmark::State& state) {
      if (!skipped(state, floor.connector, floor.concurrency))
        against_floor(state, floor.connector, floor.make(), floor.concurrency);
    });
  add("floor/null", null_in_clock_reads);
  register_pending_bytes();
  return bench_main(argc, argv);
}
