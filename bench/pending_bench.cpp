// The cost of an attempt while few and while many are pending: does it grow with the number of pending attempts?
//   pending/<connector>/<many>   processor time of an attempt with <many> pending, as a multiple of that with 1,000
//
// Each attempt begins, waits with all the others, and is ended by cancel_all(). The same threads hold both numbers of
// attempts. Each thread has a connector and a descriptor table of its own (unshare(CLONE_FILES)), because a process may
// have fewer descriptors than this needs. Blocks with equally many attempts run in ABBA order; `ratio` is the median. A
// block of many that takes longer than a second also pays for SYN retransmissions (`retransmits`, per attempt). Takes
// the usual --benchmark_* flags.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bench/bench_support.h"
#include "harness/machine/machine.h"
#include "harness/support/statistics.h"

namespace {

using namespace connbench;

constexpr size_t few = 1'000;
constexpr int groups = 5;
constexpr size_t spare_descriptors = 256;

size_t threads_for(size_t pending) {
  const size_t each = descriptor_limit().value - spare_descriptors;
  return (pending + each - 1) / each;
}

// Holds `pending` attempts in one connector, `rounds` times.
void hold(const NamedConnector& named, std::span<const Endpoint> endpoints, size_t pending, size_t rounds) {
  checked(::unshare(CLONE_FILES), "unshare");
  Retirement retirement({}, 0);
  std::vector<Completion> completions;
  completions.reserve(pending);
  for (size_t round = 0; round < rounds; ++round) {
    const auto connector = named.entry->make({named.options, pending, retirement});
    for (size_t i = 0; i < pending; ++i) {
      const Attempt attempt{.id = i,
                            .endpoints = endpoints.subspan(i % endpoints.size(), 1),
                            .scheduled = {},
                            .timeout = std::chrono::hours(1)};
      if (connector->submit({&attempt, 1}) != 1) throw std::runtime_error("the connector did not accept an attempt");
    }
    completions.clear();
    connector->reap(completions, TimePoint{});
    connector->cancel_all();
    while (connector->in_flight() > 0) connector->reap(completions, now() + std::chrono::seconds(1));
    for (const Completion& completion : completions)
      if (completion.result.outcome != Outcome::cancelled) throw std::runtime_error("an attempt did not stay pending");
  }
}

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

struct Load {
  NamedConnector named;
  std::span<const Endpoint> endpoints;
  size_t threads;
  size_t attempts;  ///< per block
};

// Seconds of processor time per attempt, in a block that holds `pending` attempts at once.
double cost(const Load& load, size_t pending) {
  const double before = processor_seconds();
  std::exception_ptr failure;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < load.threads; ++i)
      threads.emplace_back([&] {
        try {
          hold(load.named, load.endpoints, pending / load.threads, load.attempts / pending);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
        }
      });
  }
  if (failure) std::rethrow_exception(failure);
  return (processor_seconds() - before) / static_cast<double>(load.attempts);
}

// TcpRetransSegs of this network namespace.
double retransmitted() {
  std::ifstream file("/proc/net/snmp");
  std::string line;
  std::vector<std::string> names;
  while (std::getline(file, line)) {
    if (!line.starts_with("Tcp:")) continue;
    std::istringstream words(line);
    std::vector<std::string> row{std::istream_iterator<std::string>(words), {}};
    if (names.empty()) {
      names = std::move(row);
      continue;
    }
    const auto found = std::ranges::find(names, "RetransSegs");
    return found == names.end() ? 0 : std::stod(row[static_cast<size_t>(found - names.begin())]);
  }
  return 0;
}

void few_against_many(benchmark::State& state, const char* connector, size_t many) {
  const NamedConnector named = find_connector(connector);
  const size_t threads = threads_for(many);
  Retirement retirement({}, 0);
  if (const auto reason = named.entry->probe({named.options, many / threads, retirement}))
    return state.SkipWithError(("skipped: " + *reason).c_str());
  OpenTargets targets;
  const auto endpoints = targets.open("backlog-full", Family::ipv4, many).endpoints();
  const Load load{named, endpoints, threads, many};
  std::vector<double> ratios;
  std::vector<double> cost_of_few;
  double retransmits = 0;
  for ([[maybe_unused]] auto _ : state) {
    cost(load, few);
    cost(load, many);
    for (int i = 0; i < groups; ++i) {
      const double few_first = cost(load, few);
      const double before = retransmitted();
      const double many_first = cost(load, many);
      const double many_second = cost(load, many);
      retransmits += (retransmitted() - before) / static_cast<double>(2 * many * groups);
      const double few_second = cost(load, few);
      ratios.push_back((many_first + many_second) / (few_first + few_second));
      cost_of_few.push_back((few_first + few_second) / 2);
    }
  }
  std::ranges::sort(ratios);
  state.counters["ratio"] = *median(ratios);
  state.counters["ratio_min"] = ratios.front();
  state.counters["ratio_max"] = ratios.back();
  state.counters["few_us"] = *median(cost_of_few) * 1e6;
  state.counters["threads"] = static_cast<double>(threads);
  state.counters["retransmits"] = retransmits;
}

}  // namespace

int main(int argc, char** argv) {
  for (const char* connector : {"epoll", "io-uring", "io-uring+deadline:link"})
    for (const size_t many : {size_t{10'000}, size_t{100'000}})
      add_comparison(fmt::format("pending/{}/{}", connector, many),
                     [=](benchmark::State& state) { few_against_many(state, connector, many); });
  return bench_main(argc, argv);
}
