// floor/pending_bytes/<connector>: what `pending` attempts hold while they wait, minus what a quarter of them hold,
// divided by the difference in attempts. Each is measured in a fresh child.
//   bytes_per_pending          resident memory of the process (/proc/self/smaps_rollup, Rss): the connector and its
//                              library, the touched part of its threads' stacks, the allocator's overhead, and the
//                              attempt's sample of 48 bytes, but not the runner's own memory; of child processes, what
//                              they do not share
//   slab_per_pending           the kernel's objects: sockets, files, timers, the SYN that is kept, threads, mappings
//   kernel_stack_per_pending   the kernel's stacks of the threads
//   page_tables_per_pending    of this process and its children
// Slab and stacks are those of the whole machine (/proc/meminfo), so other programs disturb them. They are read just
// before the attempts begin and again while all are pending. Take the median of several repetitions.
#include "bench/pending_bytes.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "bench/bench_support.h"
#include "harness/process/ask_in_child.h"
#include "harness/run/plan.h"

namespace connbench {
namespace {

// The number of attempts in the larger child; the other holds a quarter. Large enough for page sizes not to matter.
constexpr size_t pending_of_a_loop = 8'000;
constexpr size_t pending_of_threads = 1'000;
constexpr size_t pending_of_a_pool =
    64;  // a pool has at most one pending attempt per thread, and 64 threads by default
constexpr size_t part = 4;

// Long enough for a thousand threads to start. Attempts that have not started are detected later and are an error.
constexpr Duration settling = std::chrono::milliseconds(500);

int64_t figure_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  throw std::runtime_error(fmt::format("{} lacks {}", path, key));
}

// In bytes.
struct Held {
  int64_t resident = 0;
  int64_t slab = 0;
  int64_t kernel_stacks = 0;
  int64_t page_tables = 0;
  int64_t threads = 0;
};

Held held_now() {
  constexpr int64_t kib = 1024;
  Held held{.resident = figure_of("/proc/self/smaps_rollup", "Rss:") * kib,
            .slab = figure_of("/proc/meminfo", "Slab:") * kib,
            .kernel_stacks = figure_of("/proc/meminfo", "KernelStack:") * kib,
            .page_tables = figure_of("/proc/self/status", "VmPTE:") * kib,
            .threads = figure_of("/proc/self/status", "Threads:")};
  std::ifstream children(fmt::format("/proc/self/task/{}/children", ::getpid()));
  for (pid_t child = 0; children >> child; ++held.threads) {
    const std::string memory = fmt::format("/proc/{}/smaps_rollup", child);
    held.resident += (figure_of(memory.c_str(), "Private_Clean:") + figure_of(memory.c_str(), "Private_Dirty:")) * kib;
    held.page_tables += figure_of(fmt::format("/proc/{}/status", child).c_str(), "VmPTE:") * kib;
  }
  return held;
}

void submit_all(Connector& connector, std::span<const Endpoint> endpoints, size_t pending) {
  for (size_t i = 0; i < pending; ++i) {
    const Attempt attempt{.id = i,
                          .endpoints = endpoints.subspan(i % endpoints.size(), 1),
                          .scheduled = now(),
                          .timeout = std::chrono::minutes(1)};
    if (connector.submit({&attempt, 1}) != 1) throw std::runtime_error("the connector did not accept an attempt");
  }
}

void expect_all_cancelled(Connector& connector, size_t pending) {
  std::vector<Completion> completions;
  connector.cancel_all();
  const TimePoint patience = now() + std::chrono::seconds(10);
  while (connector.in_flight() > 0 && now() < patience) connector.reap(completions, patience);
  for (const Completion& completion : completions)
    if (completion.result.outcome != Outcome::cancelled)
      throw std::runtime_error(
          fmt::format("an attempt did not stay pending: {}", to_string(completion.result.outcome)));
  if (completions.size() != pending) throw std::runtime_error("an attempt was lost");
}

// Runs in a child of its own.
Held hold(const NamedConnector& named, std::span<const Endpoint> endpoints, size_t pending) {
  ::malloc_trim(0);  // memory that the parent freed must not be reused for free
  Retirement retirement({}, 0);
  SampleBuffer samples(pending);
  samples.populate();
  const Held before = held_now();
  const auto connector = named.entry->make({named.options, pending, retirement});
  submit_all(*connector, endpoints, pending);
  std::vector<Completion> completions;
  const TimePoint settled = now() + settling;
  while (now() < settled) connector->reap(completions, settled);
  if (!completions.empty()) throw std::runtime_error("an attempt ended at once");
  Held held = held_now();
  held.slab -= before.slab;  // of the machine, so only the change is ours
  held.kernel_stacks -= before.kernel_stacks;
  expect_all_cancelled(*connector, pending);
  return held;
}

Held hold_in_child(const NamedConnector& named, std::span<const Endpoint> endpoints, size_t pending) {
  const ChildAnswer answer = ask_in_child([&] {
    const Held held = hold(named, endpoints, pending);
    return fmt::format("{} {} {} {} {}", held.resident, held.slab, held.kernel_stacks, held.page_tables, held.threads);
  });
  if (!answer.ok) throw std::runtime_error(fmt::format("with {} pending: {}", pending, answer.text));
  Held held;
  std::istringstream(answer.text) >> held.resident >> held.slab >> held.kernel_stacks >> held.page_tables >>
      held.threads;
  return held;
}

size_t pending_for(const Capabilities& capabilities) {
  size_t pending = pending_of_a_loop;
  if (capabilities.threads == Capabilities::Threads::per_attempt ||
      capabilities.threads == Capabilities::Threads::processes)
    pending = pending_of_threads;
  if (capabilities.threads == Capabilities::Threads::pool) pending = pending_of_a_pool;
  return capabilities.max_in_flight == 0 ? pending : std::min(pending, capabilities.max_in_flight);
}

void pending_bytes(benchmark::State& state, std::string_view connector, size_t pending) {
  if (skipped(state, connector, pending)) return;
  OpenTargets targets;
  const auto endpoints = targets.open("backlog-full", Family::ipv4, pending).endpoints();
  const NamedConnector named = find_connector(connector);
  for ([[maybe_unused]] auto _ : state) try {
      const size_t few = pending / part;
      const Held with_few = hold_in_child(named, endpoints, few);
      const Held with_all = hold_in_child(named, endpoints, pending);
      const auto report = [&](const char* name, int64_t Held::*bytes) {
        state.counters[name] =
            static_cast<double>(with_all.*bytes - with_few.*bytes) / static_cast<double>(pending - few);
      };
      report("bytes_per_pending", &Held::resident);
      report("slab_per_pending", &Held::slab);
      report("kernel_stack_per_pending", &Held::kernel_stacks);
      report("page_tables_per_pending", &Held::page_tables);
      state.counters["pending"] = static_cast<double>(pending);
      state.counters["threads"] = static_cast<double>(with_all.threads);
    } catch (const std::exception& error) {
      return state.SkipWithError(error.what());
    }
}

void register_one(const std::string& name) {
  const std::optional<Capabilities> capabilities = ask_capabilities(find_connector(name)).capabilities;
  // Connectors that open no sockets or block in submit() hold nothing. If a connector cannot be created, its benchmark
  // says why.
  if (capabilities && (!capabilities->opens_sockets || capabilities->completes_in_submit)) return;
  const size_t pending = pending_for(capabilities.value_or(Capabilities{}));
  benchmark::RegisterBenchmark(("floor/pending_bytes/" + name).c_str(),
                               [name, pending](benchmark::State& state) { pending_bytes(state, name, pending); })
      ->Iterations(1)
      ->UseRealTime()
      ->Unit(benchmark::kSecond);
}

}  // namespace

void register_pending_bytes() {
  for (const ConnectorEntry* entry : all_connectors()) register_one(std::string(entry->name));
  // The stacks that threads get unless a program asks for less: with them, each stack has page tables of its own.
  register_one("blocking-threads+stack:8MiB");
}

}  // namespace connbench
