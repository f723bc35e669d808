#include "harness/machine/machine.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "harness/machine/cpu_accounting.h"
#include "harness/machine/inherited.h"
#include "harness/machine/processors.h"
#include "harness/machine/surroundings.h"
#include "harness/machine/usage.h"
#include "harness/support/proc_file.h"

#ifndef CONNBENCH_GIT_COMMIT
#define CONNBENCH_GIT_COMMIT "unknown"
#endif
#ifndef CONNBENCH_COMPILER
#define CONNBENCH_COMPILER "unknown"
#endif
#ifndef CONNBENCH_FLAGS
#define CONNBENCH_FLAGS "unknown"
#endif
#ifndef CONNBENCH_BUILD_TYPE
#define CONNBENCH_BUILD_TYPE "unknown"
#endif

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* reported_sysctls[] = {
    // ports
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_port_step_width",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    // queues
    "net.core.somaxconn",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_abort_on_overflow",
    // TCP's timers
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_rto_max_ms",
    "net.ipv4.tcp_rto_min_us",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_orphan_retries",
    "net.ipv4.tcp_thin_linear_timeouts",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_tw_reuse_delay",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    // memory, processes, permissions
    "net.ipv4.tcp_mem",
    "kernel.pid_max",
    "kernel.threads-max",
    "vm.max_map_count",
    "fs.file-max",
    "fs.epoll.max_user_watches",
    "kernel.io_uring_disabled",
    "kernel.perf_event_paranoid",
    "kernel.yama.ptrace_scope",
};

// A whole number as a number, any other text as text, nullopt as null.
Json value_of(const std::optional<std::string>& text) {
  if (!text || text->empty()) return nullptr;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc() && end == text->data() + text->size()) return number;
  return *text;
}

Json value_of(int64_t number) {
  return number < 0 ? Json(nullptr) : Json(number);
}

// `text` of the first line "name<blanks>: text" in /proc/cpuinfo.
std::optional<std::string> cpu_field(std::string_view cpuinfo, std::string_view name) {
  const size_t at = cpuinfo.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view line = cpuinfo.substr(at, cpuinfo.find('\n', at) - at);
  const size_t value = line.find_first_not_of(" \t", std::min(line.find(':'), line.size() - 1) + 1);
  return value == std::string_view::npos ? std::nullopt : std::optional<std::string>(line.substr(value));
}

Json describe_kernel() {
  utsname name;
  if (::uname(&name) != 0) return nullptr;
  return {{"name", name.sysname},
          {"release", name.release},
          {"version", name.version},
          {"machine", name.machine},
          {"command_line", describe_kernel_command_line()}};
}

Json describe_cpu(std::string_view cpuinfo) {
  const std::vector<int> available = available_cpus();
  const std::vector<int> online = online_cpus();
  const auto quota = cpu_quota();
  return {
      {"model", value_of(cpu_field(cpuinfo, "model name"))},
      {"online", online.empty() ? Json(nullptr) : Json(online)},
      {"governor",
       value_of(read_text(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", available.front())))},
      {"available", available},
      {"quota", quota ? Json(quota->processors) : Json(nullptr)}};
}

Json describe_virtualisation(std::string_view cpuinfo) {
  const std::optional<std::string> flags = cpu_field(cpuinfo, "flags");
  return {{"hypervisor", flags ? Json(flags->find(" hypervisor") != std::string::npos) : Json(nullptr)},
          {"hypervisor_type", value_of(read_text("/sys/hypervisor/type"))},
          {"vendor", value_of(read_text("/sys/class/dmi/id/sys_vendor"))},
          {"product", value_of(read_text("/sys/class/dmi/id/product_name"))}};
}

Json describe_memory() {
  const std::string meminfo = read_text("/proc/meminfo").value_or("");
  return {{"total_kib", value_of(number_after(meminfo, "MemTotal:"))},
          {"available_kib", value_of(number_after(meminfo, "MemAvailable:"))}};
}

Json describe_limit(int resource) {
  rlimit limit;
  if (::getrlimit(static_cast<decltype(RLIMIT_NOFILE)>(resource), &limit) != 0) return nullptr;
  const auto text = [](rlim_t value) { return value == RLIM_INFINITY ? Json("unlimited") : Json(value); };
  return {{"soft", text(limit.rlim_cur)}, {"hard", text(limit.rlim_max)}};
}

Json describe_limits() {
  constexpr std::pair<const char*, int> limits[] = {{"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},
                                                    {"stack", RLIMIT_STACK},     {"as", RLIMIT_AS},
                                                    {"data", RLIMIT_DATA},       {"cpu", RLIMIT_CPU},
                                                    {"fsize", RLIMIT_FSIZE},     {"core", RLIMIT_CORE},
                                                    {"memlock", RLIMIT_MEMLOCK}, {"sigpending", RLIMIT_SIGPENDING},
                                                    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME}};
  Json described = Json::object();
  for (const auto& [name, resource] : limits) described[name] = describe_limit(resource);
  return described;
}

Json describe_sysctls() {
  Json values = Json::object();
  for (const char* name : reported_sysctls) {
    const auto value = sysctl(name);
    values[name] = value && value->empty() ? Json("") : value_of(value);  // an empty list is a value
  }
  return values;
}

Json describe_libraries() {
  return {{"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"glibc", ::gnu_get_libc_version()},
          {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)}};
}

}  // namespace

Json describe_load() {
  double average[3];
  const Usage usage = read_usage_before(0);
  return {{"average", ::getloadavg(average, 3) == 3 ? Json(average) : Json(nullptr)},
          {"softirq_ns", value_of(usage.softirq_ns)},
          {"steal_ns", value_of(usage.steal_ns)}};
}

Json describe_machine() {
  const std::string cpuinfo = read_text("/proc/cpuinfo").value_or("");
  return {{"kernel", describe_kernel()},
          {"cpu", describe_cpu(cpuinfo)},
          {"virtualisation", describe_virtualisation(cpuinfo)},
          {"cpu_accounting", describe_cpu_accounting()},
          {"clock_source", value_of(read_text("/sys/devices/system/clocksource/clocksource0/current_clocksource"))},
          {"memory", describe_memory()},
          {"mitigations", describe_mitigations()},
          {"cgroup", describe_cgroup_limits()},
          {"packet_filter", describe_packet_filter()},
          {"load", describe_load()},
          {"limits", describe_limits()},
          {"timer_slack_ns", timer_slack().count()},
          {"process", inherited_state()},
          {"sysctls", describe_sysctls()},
          {"build",
           {{"git_commit", CONNBENCH_GIT_COMMIT},
            {"compiler", CONNBENCH_COMPILER},
            {"flags", CONNBENCH_FLAGS},
            {"type", CONNBENCH_BUILD_TYPE}}},
          {"libraries", describe_libraries()}};
}

}  // namespace connbench
