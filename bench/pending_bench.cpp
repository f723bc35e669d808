// What attempts cost while few and while many others are pending: does it grow with their number?
//   pending/begin_and_cancel/<connector>/<many>   each attempt begins, waits with all the others, and is ended by
//                                                 cancel_all()
//   pending/expiry/<connector>/<many>             attempts with a short timeout, one after the other, expire next to
//   those
//                                                 that stay pending
//   pending/readiness/<connector>/<many>          attempts to a host that answers, one after the other, connect next to
//                                                 those that stay pending
// <connector> may be bare-ring: the requests of io-uring, without what the connector keeps itself. What is left of the
// ratio is the kernel's.
// `ratio` is processor time per attempt with <many> pending, as a multiple of that with 1,000: the median of ABBA
// groups. late_few_us, late_many_us: how long after its deadline an attempt was given up (p50 of all).
//
// The same threads hold both numbers of attempts. Each thread has a connector and a descriptor table of its own
// (unshare(CLONE_FILES)), because a process may have fewer descriptors than this needs. A block of many that takes
// longer than a second also pays for SYN retransmissions (`retransmits`, per pending attempt). Takes the usual
// --benchmark_* flags.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <barrier>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bench/bare_pending_ring.h"
#include "bench/bench_support.h"
#include "harness/machine/machine.h"
#include "harness/support/statistics.h"

namespace {

using namespace connbench;

constexpr size_t few = 1'000;
constexpr int groups = 5;
constexpr size_t spare_descriptors = 256;
constexpr Duration never = std::chrono::hours(1);
constexpr Duration short_timeout = std::chrono::milliseconds(2);

enum class Kind : uint8_t { begin_and_cancel, expiry, readiness };

// Attempts that each thread makes next to the pending ones.
size_t beside(Kind kind) {
  return kind == Kind::expiry ? 100 : kind == Kind::readiness ? 1'000 : 0;
}

size_t threads_for(size_t pending) {
  const size_t each = descriptor_limit().value - spare_descriptors;
  return (pending + each - 1) / each;
}

double processor_seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Makes a connector for so many attempts in flight.
using Make = std::function<std::unique_ptr<Connector>(size_t, Retirement&)>;

struct Load {
  Kind kind;
  Make make;
  std::span<const Endpoint> silent;
  std::span<const Endpoint> answering;
  size_t threads;
  size_t many;
};

// What a block has found.
struct Block {
  double seconds = 0;  // processor time per attempt
  std::vector<int64_t> late;
};

// One thread's share of a block.
class Share {
 public:
  Share(const Load& load, size_t pending, std::barrier<>& all_pending, std::mutex& turn)
      : load_(load), pending_(pending), all_pending_(all_pending), turn_(turn) {
    completions_.reserve(pending);
  }

  void run(Block& block) {
    checked(::unshare(CLONE_FILES), "unshare");
    // As many attempts in both numbers.
    const size_t rounds = load_.kind == Kind::begin_and_cancel ? load_.many / load_.threads / pending_ : 1;
    for (size_t round = 0; round < rounds; ++round) {
      const auto connector = load_.make(pending_ + 1, retirement_);
      for (uint64_t id = 0; id < pending_; ++id) begin(*connector, id, load_.silent, never);
      completions_.clear();
      connector->reap(completions_, TimePoint{});
      all_pending_.arrive_and_wait();
      if (load_.kind != Kind::begin_and_cancel) make_others(*connector, block);
      cancel(*connector);
    }
  }

 private:
  void begin(Connector& connector, uint64_t id, std::span<const Endpoint> to, Duration timeout) {
    const Attempt attempt{.id = id, .endpoints = to.subspan(id % to.size(), 1), .scheduled = {}, .timeout = timeout};
    if (connector.submit({&attempt, 1}) != 1) throw std::runtime_error("the connector did not accept an attempt");
  }

  // One thread at a time: they must not wait for each other's processor.
  void make_others(Connector& connector, Block& block) {
    const bool expires = load_.kind == Kind::expiry;
    const std::lock_guard lock(turn_);
    std::vector<Completion> ended;
    const double before = processor_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < beside(load_.kind); ++i) {
      ended.clear();
      begin(connector, pending_, expires ? load_.silent : load_.answering, expires ? short_timeout : never);
      while (ended.empty()) connector.reap(ended, now() + std::chrono::seconds(1));
      const Completion& completion = ended.front();
      if (completion.result.outcome != (expires ? Outcome::deadline_exceeded : Outcome::connected))
        throw std::runtime_error("an attempt ended otherwise than expected");
      if (expires) block.late.push_back((completion.finished - completion.started - short_timeout).count());
    }
    block.seconds += processor_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
  }

  void cancel(Connector& connector) {
    connector.cancel_all();
    while (connector.in_flight() > 0) connector.reap(completions_, now() + std::chrono::seconds(1));
    for (const Completion& completion : completions_)
      if (completion.result.outcome != Outcome::cancelled) throw std::runtime_error("an attempt did not stay pending");
  }

  const Load& load_;
  size_t pending_;
  std::barrier<>& all_pending_;
  std::mutex& turn_;
  Retirement retirement_{{}, 0};
  std::vector<Completion> completions_;
};

// A block that holds `pending` attempts at once.
Block measure(const Load& load, size_t pending) {
  const double before = processor_seconds(CLOCK_PROCESS_CPUTIME_ID);
  Block block;
  std::exception_ptr failure;
  std::mutex mutex, turn;
  std::barrier<> all_pending(static_cast<std::ptrdiff_t>(load.threads));
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < load.threads; ++i)
      threads.emplace_back([&] {
        try {
          Share(load, pending / load.threads, all_pending, turn).run(block);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
          all_pending.arrive_and_drop();
        }
      });
  }
  if (failure) std::rethrow_exception(failure);
  if (load.kind == Kind::begin_and_cancel)
    block.seconds = (processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - before) / static_cast<double>(load.many);
  else
    block.seconds /= static_cast<double>(beside(load.kind) * load.threads);
  return block;
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

// Few and many in ABBA order.
class Comparison {
 public:
  explicit Comparison(const Load& load) : load_(load) {}

  void run() {
    measure(load_, few);
    measure(load_, load_.many);
    for (int i = 0; i < groups; ++i) {
      const double few_first = of_few();
      const double before = retransmitted();
      const double many_first = of_many();
      const double many_second = of_many();
      retransmits_ += (retransmitted() - before) / static_cast<double>(2 * load_.many * groups);
      const double few_second = of_few();
      ratios_.push_back((many_first + many_second) / (few_first + few_second));
      cost_of_few_.push_back((few_first + few_second) / 2);
    }
  }

  void report(benchmark::State& state) {
    std::ranges::sort(ratios_);
    state.counters["ratio"] = *median(ratios_);
    state.counters["ratio_min"] = ratios_.front();
    state.counters["ratio_max"] = ratios_.back();
    state.counters["few_us"] = *median(cost_of_few_) * 1e6;
    state.counters["threads"] = static_cast<double>(load_.threads);
    state.counters["retransmits"] = retransmits_;
    if (load_.kind != Kind::expiry) return;
    state.counters["late_few_us"] = static_cast<double>(*quantile(late_few_, 0.5)) / 1e3;
    state.counters["late_many_us"] = static_cast<double>(*quantile(late_many_, 0.5)) / 1e3;
  }

 private:
  double of_few() { return of(few, late_few_); }
  double of_many() { return of(load_.many, late_many_); }
  double of(size_t pending, std::vector<int64_t>& late) {
    const Block block = measure(load_, pending);
    late.insert(late.end(), block.late.begin(), block.late.end());
    return block.seconds;
  }

  const Load& load_;
  std::vector<double> ratios_;
  std::vector<double> cost_of_few_;
  std::vector<int64_t> late_few_, late_many_;
  double retransmits_ = 0;
};

// What the connector io-uring asks of the kernel, without what it keeps itself.
constexpr std::string_view bare_ring = "bare-ring";

Make maker_of(std::string_view connector) {
  if (connector == bare_ring) return [](size_t room, Retirement&) { return make_bare_pending_ring(room); };
  return [named = find_connector(connector)](size_t room, Retirement& retirement) {
    return named.entry->make({named.options, room, retirement});
  };
}

void few_against_many(benchmark::State& state, Kind kind, const char* connector, size_t many) {
  const NamedConnector probed = find_connector(connector == bare_ring ? "io-uring" : connector);
  const size_t threads = threads_for(many);
  Retirement retirement({}, 0);
  if (const auto reason = probed.entry->probe({probed.options, many / threads + 1, retirement}))
    return state.SkipWithError(("skipped: " + *reason).c_str());
  OpenTargets targets;
  const Load load{.kind = kind,
                  .make = maker_of(connector),
                  .silent = targets.open("backlog-full", Family::ipv4, many).endpoints(),
                  .answering = targets.open("accepting", Family::ipv4, many).endpoints(),
                  .threads = threads,
                  .many = many};
  Comparison comparison(load);
  for ([[maybe_unused]] auto _ : state) comparison.run();
  comparison.report(state);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::pair<const char*, Kind> kinds[] = {
      {"begin_and_cancel", Kind::begin_and_cancel}, {"expiry", Kind::expiry}, {"readiness", Kind::readiness}};
  for (const auto& [name, kind] : kinds)
    for (const char* connector : {"epoll", "io-uring", "bare-ring", "io-uring+deadline:link"})
      for (const size_t many : {size_t{10'000}, size_t{100'000}})
        add_comparison(fmt::format("pending/{}/{}/{}", name, connector, many),
                       [=, kind = kind](benchmark::State& state) { few_against_many(state, kind, connector, many); });
  return bench_main(argc, argv);
}
