#include "harness/machine/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "harness/support/proc_file.h"

namespace connbench {
namespace {

// Version 1 of cgroups says "no limit" with a number of pages above this.
constexpr int64_t unlimited = int64_t{1} << 60;

/// The files of one version of cgroups.
struct Files {
  const char* limit;
  const char* used;
  const char* droppable;  ///< a line of memory.stat: page cache that was not used lately
};
constexpr Files versions[] = {{"memory.max", "memory.current", "inactive_file"},
                              {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};

int64_t number_in(const std::string& path) {
  return leading_number(read_text(path).value_or(""));  // "max": no limit
}

uint64_t left_in(const std::string& group, const Files& files, int64_t limit) {
  const int64_t used = std::max<int64_t>(0, number_in(group + '/' + files.used));
  const std::string stat = '\n' + read_text(group + "/memory.stat").value_or("");
  const int64_t droppable = std::max<int64_t>(0, number_after(stat, fmt::format("\n{} ", files.droppable)));
  return static_cast<uint64_t>(std::max<int64_t>(0, limit - std::max<int64_t>(0, used - droppable)));
}

std::optional<Limit> tightest(const char* of_machine, bool left) {
  std::vector<Limit> limits;
  const int64_t kib = number_after(read_text("/proc/meminfo").value_or(""), of_machine);
  if (kib >= 0)
    limits.push_back({static_cast<uint64_t>(kib) * 1024, left ? "the free memory" : "the memory of the machine",
                      left ? "stop other programs, or add memory" : "add memory"});
  for (const std::string& group : cgroups_of("memory"))
    for (const Files& files : versions) {
      const std::string path = group + '/' + files.limit;
      const int64_t limit = number_in(path);
      if (limit < 0 || limit >= unlimited) continue;
      limits.push_back({left ? left_in(group, files, limit) : static_cast<uint64_t>(limit), path,
                        "raise it (as root; docker: --memory, systemd: MemoryMax=)"});
    }
  if (limits.empty()) return std::nullopt;
  return *std::ranges::min_element(limits, {}, &Limit::value);
}

}  // namespace

std::optional<Limit> memory_limit() {
  return tightest("MemTotal:", false);
}

std::optional<Limit> memory_available() {
  return tightest("MemAvailable:", true);
}

}  // namespace connbench
