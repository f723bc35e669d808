#include "harness/process/affinity.h"

#include <sched.h>

#include "harness/support/unique_fd.h"

namespace connbench {

void run_on(pid_t pid, std::span<const int> cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  checked(::sched_setaffinity(pid, sizeof set, &set), "sched_setaffinity");
}

}  // namespace connbench
