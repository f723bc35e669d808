#include "harness/process/affinity.h"

#include <sched.h>

#include <algorithm>
#include <memory>
#include <new>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

struct Release {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};

}  // namespace

void run_on(pid_t pid, std::span<const int> cpus) {
  if (cpus.empty()) return;
  const auto room = static_cast<size_t>(*std::ranges::max_element(cpus)) + 1;
  const std::unique_ptr<cpu_set_t, Release> set(CPU_ALLOC(room));
  if (!set) throw std::bad_alloc();
  const size_t bytes = CPU_ALLOC_SIZE(room);
  CPU_ZERO_S(bytes, set.get());
  for (const int cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), bytes, set.get());
  checked(::sched_setaffinity(pid, bytes, set.get()), "sched_setaffinity");
}

}  // namespace connbench
