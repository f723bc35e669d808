// Compares connectors with their floor in one process: these are the targets that this project sets itself. The floor
// makes the same system calls and reads the clock at the same points. Blocks of
// about 20 ms alternate in ABBA order, because between two commands the machine drifts by more than any connector
// costs.
//   floor/<connector>/<concurrency>   rate as a share of the bare loop's (ratio = median over the ABBA groups)
//   floor/null                        cost of an attempt in clock reads
//   floor/pending_bytes/<connector>   memory per pending attempt (pending_bytes.cpp)
// Takes the usual --benchmark_* flags.
#include <fmt/format.h>
#include <liburing.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "bench/bare_loops.h"
#include "bench/bare_ring.h"
#include "bench/bench_support.h"
#include "bench/pending_bytes.h"
#include "harness/machine/processors.h"
#include "impl/sockets/socket_setup.h"

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

std::vector<int> server_cpu() {
  return {available_cpus().back()};
}

// The ratios time(b) / time(a), one per ABBA group.
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
  return ratios;
}

void report(benchmark::State& state, const std::vector<double>& ratios) {
  const Quartiles found = quartiles_of(ratios);
  state.counters["ratio"] = found.median;
  state.counters["ratio_q1"] = found.q1;
  state.counters["ratio_q3"] = found.q3;
  state.counters["pairs"] = static_cast<double>(ratios.size());
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
  DrivenConnector driven(connector, endpoints, attempts, concurrency);
  for ([[maybe_unused]] auto _ : state)
    report(state, abba([&] { driven.run(); }, [&] { bare(endpoints, attempts, concurrency); }, pairs));
  state.counters["attempts_per_block"] = static_cast<double>(attempts);
}

// The floor of a connector: the same system calls and stamps, with nothing around them. Created when its benchmark
// runs.
struct Floor {
  std::string connector;
  size_t concurrency;
  std::function<BareLoop()> make;
};

BareLoop threads_with(BareCall call) {
  return [call](auto endpoints, size_t n, size_t concurrency) { bare_threads(endpoints, n, concurrency, call); };
}

BareLoop forks_with(BareCall call) {
  return [call](auto endpoints, size_t n, size_t concurrency) { bare_forks(endpoints, n, concurrency, call); };
}

BareLoop epoll_with(uint32_t how, const BareSocket& socket = {}) {
  return [how, socket](auto endpoints, size_t n, size_t concurrency) {
    bare_epoll(endpoints, n, concurrency, how, socket);
  };
}

// As many threads as the connector has by default. They live as long as the comparison, like those of the connector.
BareLoop pool_with(BareCall call) {
  const auto pool = std::make_shared<BarePool>(64, call);
  return [pool](auto endpoints, size_t n, size_t concurrency) { pool->run(endpoints, n, concurrency); };
}

// It lives as long as the comparison: the kernel dismantles a ring in the background, which would disturb the
// measurement.
BareLoop ring_for(size_t concurrency, const BareRingOptions& options = bare_ring_coop()) {
  const auto ring = std::make_shared<BareIoUring>(concurrency, options);
  return [ring](auto endpoints, size_t n, size_t) { ring->run(endpoints, n); };
}

BareLoop ring_poll_for(size_t concurrency, bool multishot) {
  const auto ring = std::make_shared<BareRingPoll>(concurrency, multishot);
  return [ring](auto endpoints, size_t n, size_t) { ring->run(endpoints, n); };
}

// Every option of a socket, in a loop that makes the calls itself and in one that leaves them to a ring; and every way
// to set up a ring.
std::vector<Floor> floors_of_options() {
  static const Endpoint another = Endpoint::ipv4(INADDR_LOOPBACK + 1, 0);
  const std::pair<const char*, BareSocket> sockets[] = {{"+source-address:127.0.0.2", {.source = &another}},
                                                        {"+protocol:mptcp", {.protocol = IPPROTO_MPTCP}},
                                                        {"+fastopen", {.fastopen = true}}};
  std::vector<Floor> rows;
  for (const auto& [option, socket] : sockets) {
    rows.push_back(
        {fmt::format("epoll{}", option), 256, [socket = socket] { return epoll_with(EPOLLONESHOT, socket); }});
    rows.push_back({fmt::format("io-uring{}", option), 256,
                    [socket = socket] { return ring_for(256, {.setup = bare_ring_coop().setup, .socket = socket}); }});
  }
  const std::pair<const char*, unsigned> setups[] = {{"defer", IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER},
                                                     {"sqpoll", IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER},
                                                     {"plain", 0}};
  for (const auto& [name, flags] : setups)
    rows.push_back({fmt::format("io-uring+setup:{}", name), 256,
                    [flags = flags] { return ring_for(256, {.setup = flags, .socket = {}}); }});
  rows.push_back({"io-uring+poll:oneshot", 256, [] { return ring_poll_for(256, false); }});
  rows.push_back({"io-uring+poll:multishot", 256, [] { return ring_poll_for(256, true); }});
  return rows;
}

// For a new mechanism, add a row here and a bare loop to bare_loops.h.
std::vector<Floor> floors() {
  std::vector<Floor> rows = {
      {"epoll", 256, [] { return epoll_with(EPOLLONESHOT); }},
      {"epoll-edge", 256, [] { return epoll_with(EPOLLET); }},
      {"poll", 256, [] { return BareLoop(bare_poll); }},
      {"select", 256, [] { return BareLoop(bare_select); }},
      {"blocking", 1, [] { return BareLoop(bare_blocking); }},
      {"fork-per-attempt", 256, [] { return forks_with(bare_poll_one); }},
      {"io-uring", 256, [] { return ring_for(256); }},
      {"io-uring", 1, [] { return ring_for(1); }},
      // With one address per host, a race is an epoll loop.
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
  DrivenConnector driven("null", {&nowhere, 1}, attempts, 256);
  const auto read_clocks = [] {
    for (size_t i = 0; i < attempts; ++i) benchmark::DoNotOptimize(now());
  };
  for ([[maybe_unused]] auto _ : state) {
    const Quartiles reads = quartiles_of(abba(
        read_clocks, [&] { driven.run(); }, pairs));
    state.counters["clock_reads_per_attempt"] = reads.median;
    state.counters["q1"] = reads.q1;
    state.counters["q3"] = reads.q3;
  }
}

}  // namespace

int main(int argc, char** argv) {
  run_on_first_cpu();
  std::vector<Floor> rows = floors();
  std::ranges::move(floors_of_options(), std::back_inserter(rows));
  for (const Floor& floor : rows)
    add_comparison(fmt::format("floor/{}/{}", floor.connector, floor.concurrency), [floor](benchmark::State& state) {
      if (!skipped(state, floor.connector, floor.concurrency))
        against_floor(state, floor.connector, floor.make(), floor.concurrency);
    });
  add_comparison("floor/null", null_in_clock_reads);
  register_pending_bytes();
  return bench_main(argc, argv);
}
