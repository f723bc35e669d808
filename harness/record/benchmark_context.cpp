#include "harness/record/benchmark_context.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "harness/machine/processors.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "cpu MHz : 2596.138" of the first processor. Some architectures have no such line.
std::optional<int> mhz_per_cpu() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("cpu MHz")) return static_cast<int>(::strtod(line.c_str() + line.find(':') + 1, nullptr));
  }
  return std::nullopt;
}

// As Google Benchmark defines it: some processor has a governor other than performance.
bool cpu_scaling_enabled() {
  for (const int cpu : online_cpus()) {
    const auto governor = line_of(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", cpu));
    if (!governor.empty() && governor != "performance") return true;
  }
  return false;
}

// Bits in "00000000,0000000f".
int count_bits(const std::string& mask) {
  int bits = 0;
  for (char c : mask) {
    unsigned digit = 0;
    if (std::from_chars(&c, &c + 1, digit, 16).ec == std::errc{}) bits += __builtin_popcount(digit);
  }
  return bits;
}

Json caches() {
  Json all = Json::array();
  for (int index = 0;; ++index) {
    const std::filesystem::path folder =
        fmt::format("/sys/devices/system/cpu/cpu{}/cache/index{}", available_cpus().front(), index);
    const auto size = line_of(folder / "size");  // "32K"
    if (size.empty()) return all;
    all.push_back({{"type", line_of(folder / "type")},
                   {"level", ::atoi(line_of(folder / "level").c_str())},
                   {"size", ::atol(size.c_str()) * (size.ends_with('M')   ? 1 << 20
                                                    : size.ends_with('K') ? 1 << 10
                                                                          : 1)},
                   {"num_sharing", count_bits(line_of(folder / "shared_cpu_map"))}});
  }
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

Json benchmark_context() {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  std::error_code ignored;
  Json context = {{"date", fmt::format("{:%Y-%m-%dT%H:%M:%S}+00:00", fmt::gmtime(seconds))},
                  {"host_name", host_name()},
                  {"executable", std::filesystem::read_symlink("/proc/self/exe", ignored).string()},
                  {"num_cpus", cpus}};
  if (const auto mhz = mhz_per_cpu()) context["mhz_per_cpu"] = *mhz;
  context["cpu_scaling_enabled"] = cpu_scaling_enabled();
  context["caches"] = caches();
  double load[3];
  if (::getloadavg(load, 3) == 3) context["load_avg"] = load;
#ifdef NDEBUG
  context["library_build_type"] = "release";
#else
  context["library_build_type"] = "debug";
#endif
  return context;
}

}  // namespace connbench
