#include "harness/machine/surroundings.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t unlimited = int64_t{1} << 60;  // version 1 of cgroups says "no limit" with a number of pages above it
constexpr std::string_view filters[] = {"br_netfilter", "ip6_tables", "ip_tables", "nf_conntrack",
                                        "nf_tables",    "nft_compat", "x_tables"};

// The least number in these files of the groups of a controller.
Json tightest(std::string_view controller, std::initializer_list<const char*> files) {
  std::optional<int64_t> least;
  for (const std::string& group : cgroups_of(controller)) {
    for (const char* file : files) {
      const int64_t limit = leading_number(read_text(group + '/' + file).value_or(""));  // "max": no limit
      if (limit >= 0 && limit < unlimited) least = std::min(limit, least.value_or(limit));
    }
  }
  return least ? Json(*least) : Json(nullptr);
}

Json number_in(const char* name) {
  const int64_t number = leading_number(sysctl(name).value_or(""));
  return number < 0 ? Json(nullptr) : Json(number);
}

}  // namespace

Json describe_kernel_command_line() {
  const auto text = read_text("/proc/cmdline");
  return text ? Json(*text) : Json(nullptr);
}

Json describe_mitigations() {
  Json found = Json::object();
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/devices/system/cpu/vulnerabilities", ignored))
    if (const auto text = read_text(entry.path().string())) found[entry.path().filename().string()] = *text;
  return found.empty() ? Json(nullptr) : found;
}

Json describe_cgroup_limits() {
  return {{"memory_max", tightest("memory", {"memory.max", "memory.limit_in_bytes"})},
          {"memory_high", tightest("memory", {"memory.high"})},
          {"pids_max", tightest("pids", {"pids.max"})}};
}

Json describe_packet_filter() {
  Json modules = nullptr;
  if (const auto text = read_text("/proc/modules")) {
    modules = Json::array();
    const std::string lines = '\n' + *text;
    for (const std::string_view name : filters)
      if (lines.find('\n' + std::string(name) + ' ') != std::string::npos) modules.push_back(name);
  }
  return {{"conntrack_count", number_in("net.netfilter.nf_conntrack_count")},
          {"conntrack_max", number_in("net.netfilter.nf_conntrack_max")},
          {"modules", std::move(modules)}};
}

}  // namespace connbench
