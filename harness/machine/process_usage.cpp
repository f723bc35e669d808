#include "harness/machine/process_usage.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string_view>

#include "harness/support/proc_file.h"

namespace connbench {
namespace {

constexpr int64_t ns_per_second = 1'000'000'000;
// A thread cannot begin and end in less CPU time.
constexpr int64_t least_of_a_thread_ns = 5'000;

int64_t cpu_ns_of(pid_t pid) noexcept {
  clockid_t clock;
  timespec time;
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return -1;
  return time.tv_sec * ns_per_second + time.tv_nsec;
}

std::string_view read_of(pid_t number, const char* file, std::span<char> buffer) noexcept {
  std::array<char, 400> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", number, file);
  return read_once(path.data(), buffer);
}

struct Threads {
  int64_t cpu_ns = 0, voluntary = 0, involuntary = 0;
};

// The sums of all threads that live. schedstat has their CPU time to the nanosecond.
Threads living_threads(pid_t number) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/task", number);
  DIR* tasks = ::opendir(path.data());
  if (tasks == nullptr) return {-1, -1, -1};
  Threads sum;
  std::array<char, 16384> buffer;
  while (const dirent* task = ::readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    std::array<char, 300> file;
    std::snprintf(file.data(), file.size(), "task/%s/schedstat", task->d_name);
    sum.cpu_ns += std::max<int64_t>(0, leading_number(read_of(number, file.data(), buffer)));
    std::snprintf(file.data(), file.size(), "task/%s/status", task->d_name);
    const std::string_view status = read_of(number, file.data(), buffer);
    sum.involuntary += std::max<int64_t>(0, number_after(status, "nonvoluntary_ctxt_switches:"));
    sum.voluntary += std::max<int64_t>(0, number_after(status, "\nvoluntary_ctxt_switches:"));
  }
  ::closedir(tasks);
  return sum;
}

int64_t ticks_to_ns(int64_t ticks) noexcept {
  const int64_t per_second = ::sysconf(_SC_CLK_TCK);
  return ticks < 0 || per_second <= 0 ? -1 : ticks * (ns_per_second / per_second);
}

}  // namespace

ProcessUsage read_process_usage(ObservedProcess process, pid_t server) noexcept {
  ProcessUsage seen{.usage = read_usage_before(server)};  // of the machine and the server; the rest is replaced
  Usage& usage = seen.usage;
  Threads threads;
  // A runtime may work in the background. Read until it does not, so that the difference is of one moment.
  for (int attempt = 0; attempt < 5; ++attempt) {
    usage.cpu_ns = cpu_ns_of(process.pid);
    threads = living_threads(process.in_proc);
    if (cpu_ns_of(process.pid) == usage.cpu_ns) break;
  }
  usage.voluntary_switches = threads.voluntary;
  usage.involuntary_switches = threads.involuntary;
  if (usage.cpu_ns >= 0 && threads.cpu_ns >= 0) seen.of_ended_threads_ns = usage.cpu_ns - threads.cpu_ns;
  std::array<char, 16384> buffer;
  const std::string_view stat = read_of(process.in_proc, "stat", buffer);
  const size_t name_end = stat.rfind(')');  // word 0 after it is field 3 of proc(5); user and system time are 14 and 15
  const std::string_view fields = name_end == std::string_view::npos ? "" : stat.substr(name_end + 1);
  usage.cpu_user_ns = ticks_to_ns(leading_number(word(fields, 11)));
  usage.cpu_sys_ns = ticks_to_ns(leading_number(word(fields, 12)));
  usage.rss_peak_kib = number_after(read_of(process.in_proc, "status", buffer), "VmHWM:");
  return seen;
}

Usage operator-(const ProcessUsage& after, const ProcessUsage& before) noexcept {
  Usage difference = after.usage - before.usage;
  const bool known = after.of_ended_threads_ns >= 0 && before.of_ended_threads_ns >= 0;
  if (!known || after.of_ended_threads_ns - before.of_ended_threads_ns >= least_of_a_thread_ns)
    difference.voluntary_switches = difference.involuntary_switches = -1;
  return difference;
}

}  // namespace connbench
