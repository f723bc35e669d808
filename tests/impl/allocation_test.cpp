// Connectors and the drive loop allocate nothing per attempt. This program counts every C++ allocation on every thread.
#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"

namespace {
std::atomic<size_t> allocations{0};
}

// Not inlined: otherwise the compiler reports that new and delete do not match.
[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t size) {
  return operator new(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  operator delete(memory);
}
void operator delete[](void* memory) noexcept {
  operator delete(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  operator delete(memory);
}

namespace connbench::conformance {
namespace {

class Allocations : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, Allocations, testing::ValuesIn(accepted()), name_of_place);

size_t allocations_of_a_wave(const ConnectorEntry& entry, const Target& target, size_t attempts) {
  DrivenWave wave(entry, attempts, 20);
  const size_t before = allocations;
  wave.drive(target.endpoints(), patience, patience);
  return allocations - before;
}

TEST_P(Allocations, DoNotGrowWithTheNumberOfAttempts) {
  const auto target = open_target(20);
  const size_t few = allocations_of_a_wave(entry(), *target, 200);
  EXPECT_GT(few, 0U) << "nothing was counted";
  EXPECT_EQ(allocations_of_a_wave(entry(), *target, 2000), few);
}

}  // namespace
}  // namespace connbench::conformance
