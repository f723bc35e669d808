// count_allocations [CONNECTOR]...: prints the number of allocations per attempt for each connector (without arguments:
// for all connectors), as JSON on stdout:
//   {"few": 200, "many": 2000, "concurrency": 20,
//    "connectors": {"epoll": {"of_few": 8, "of_many": 8, "per_attempt": 0.0}, "libuv": {"skipped": "not built in"}}}
// It counts every call of malloc(), calloc(), realloc() and their aligned variants on every thread, no matter whether
// our code, a library or the C library itself makes it. Each connector runs in a process of its own: first a wave to
// warm up, then a wave of few attempts and one of many. Fixed costs (creating the connector, growing its tables) cancel
// out. Exit status: 0 counted, 2 no such connector, 5 failed.
#include <fmt/format.h>
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/machine/machine.h"
#include "harness/process/ask_in_child.h"
#include "tests/impl/driven.h"

namespace {
std::atomic<size_t> allocations{0};

void count() noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

// The C library's own names of these functions. free() needs no wrapper, because the memory is its own too.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) noexcept {
  count();
  return __libc_malloc(size);
}
void* calloc(size_t count_of, size_t size) noexcept {
  count();
  return __libc_calloc(count_of, size);
}
void* realloc(void* old, size_t size) noexcept {
  count();
  return __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) noexcept {
  count();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  void* const made = memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}
}

namespace connbench {
namespace {

using Json = nlohmann::json;

constexpr size_t concurrency = 20;
constexpr size_t few = 200;
constexpr size_t many = 2000;
constexpr Duration patience = std::chrono::seconds(30);

size_t allocations_of_a_wave(const ConnectorEntry& entry, std::span<const Endpoint> endpoints, size_t attempts) {
  DrivenWave wave(entry, attempts, concurrency);
  const size_t before = allocations;
  const std::vector<Sample>& samples = wave.drive(endpoints, patience, patience);
  const size_t made = allocations - before;
  if (count_of(Outcome::connected, samples) != attempts)
    throw std::runtime_error(fmt::format("{}: an attempt did not connect", entry.name));
  return made;
}

// Runs in a child of its own, so that nothing a library caches for one connector helps the next.
std::string ask(const ConnectorEntry& entry, std::span<const Endpoint> endpoints) {
  Retirement retirement({}, 0);
  if (const auto reason = entry.probe({Options("", entry.options), concurrency, retirement}))
    return Json{{"skipped", *reason}}.dump();
  allocations_of_a_wave(entry, endpoints, few);
  const size_t of_few = allocations_of_a_wave(entry, endpoints, few);
  const size_t of_many = allocations_of_a_wave(entry, endpoints, many);
  return Json{{"of_few", of_few},
              {"of_many", of_many},
              {"per_attempt", (static_cast<double>(of_many) - static_cast<double>(of_few)) / (many - few)}}
      .dump();
}

Json count_all(const std::vector<const ConnectorEntry*>& entries) {
  const auto target = find_target("accepting").open({.family = Family::ipv4, .open_at_once = concurrency});
  Json connectors = Json::object();
  for (const ConnectorEntry* entry : entries) {
    const ChildAnswer answer = ask_in_child([&] { return ask(*entry, target->endpoints()); });
    if (!answer.ok) throw std::runtime_error(answer.text);
    connectors[std::string(entry->name)] = Json::parse(answer.text);
  }
  return {{"few", few}, {"many", many}, {"concurrency", concurrency}, {"connectors", connectors}};
}

int run(const std::vector<std::string>& names) try {
  std::vector<const ConnectorEntry*> entries(all_connectors().begin(), all_connectors().end());
  if (!names.empty()) entries.clear();
  for (const std::string& name : names) entries.push_back(find_connector(name).entry);
  fmt::print("{}\n", count_all(entries).dump(2));
  return 0;
} catch (const std::invalid_argument& error) {
  fmt::print(stderr, "count_allocations: {}\n", error.what());
  return 2;
} catch (const std::exception& error) {
  fmt::print(stderr, "count_allocations: {}\n", error.what());
  return 5;
}

}  // namespace
}  // namespace connbench

int main(int argc, char** argv) {
  connbench::raise_descriptor_limit();
  return connbench::run({argv + 1, argv + argc});
}
