#include "harness/machine/processors.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <memory>

#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

constexpr size_t most_cpus = 1 << 16;  // the kernel's own maximum is 8192

struct Release {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};

// Empty when the system call is refused. A kernel for more processors than the set holds answers EINVAL.
std::vector<int> cpus_of_affinity() {
  for (size_t room = 1024; room <= most_cpus; room *= 2) {
    const std::unique_ptr<cpu_set_t, Release> set(CPU_ALLOC(room));
    const size_t bytes = CPU_ALLOC_SIZE(room);
    CPU_ZERO_S(bytes, set.get());
    if (!set || ::sched_getaffinity(0, bytes, set.get()) != 0) continue;
    std::vector<int> cpus;
    for (size_t cpu = 0; cpu < room; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(static_cast<int>(cpu));
    return cpus;
  }
  return {};
}

void add_quota(std::optional<CpuQuota>& tightest, int64_t quota, int64_t period, const std::string& file,
               const char* unlimited) {
  if (quota < 0 || period <= 0) return;  // "max", -1
  const double processors = static_cast<double>(quota) / static_cast<double>(period);
  if (tightest && tightest->processors <= processors) return;
  tightest = {processors, file,
              fmt::format("as root: echo {} > {}; in a container, docker run --cpus=N", unlimited, file)};
}

}  // namespace

std::vector<int> available_cpus() {
  if (std::vector<int> cpus = cpus_of_affinity(); !cpus.empty()) return cpus;
  if (std::vector<int> cpus = online_cpus(); !cpus.empty()) return cpus;
  return {std::max(0, ::sched_getcpu())};
}

std::vector<int> online_cpus() {
  std::vector<int> cpus;
  for (const auto& [first, last] : number_ranges(read_text("/sys/devices/system/cpu/online").value_or("")))
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  return cpus;
}

std::optional<CpuQuota> cpu_quota() {
  std::optional<CpuQuota> tightest;
  for (const std::string& group : cgroups_of("cpu")) {
    const std::string version_2 = read_text(group + "/cpu.max").value_or("");  // "50000 100000", "max 100000"
    add_quota(tightest, leading_number(word(version_2, 0)), leading_number(word(version_2, 1)), group + "/cpu.max",
              "max");
    const auto version_1 = [&group](const char* name) { return leading_number(read_text(group + name).value_or("")); };
    add_quota(tightest, version_1("/cpu.cfs_quota_us"), version_1("/cpu.cfs_period_us"), group + "/cpu.cfs_quota_us",
              "-1");
  }
  return tightest;
}

std::string SuggestedCpus::text() const {
  return fmt::format("client={},server={}", client, server);
}

std::optional<SuggestedCpus> suggested_cpus() {
  const std::vector<int> cpus = available_cpus();
  if (cpus.size() < 2) return std::nullopt;
  return SuggestedCpus{cpus[0], cpus[1]};
}

}  // namespace connbench
