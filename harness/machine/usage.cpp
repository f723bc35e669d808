#include "harness/machine/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "harness/support/proc_file.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

constexpr int64_t ns_per_second = 1'000'000'000;

int64_t nanoseconds(const timeval& t) noexcept {
  return t.tv_sec * ns_per_second + t.tv_usec * 1000;
}

int64_t read_clock(clockid_t clock) noexcept {
  timespec t;
  return ::clock_gettime(clock, &t) == 0 ? t.tv_sec * ns_per_second + t.tv_nsec : -1;
}

int64_t cpu_time_of(pid_t pid) noexcept {
  clockid_t clock;
  return pid > 0 && ::clock_getcpuclockid(pid, &clock) == 0 ? read_clock(clock) : -1;
}

int64_t ticks_to_ns(int64_t ticks) noexcept {
  const int64_t per_second = ::sysconf(_SC_CLK_TCK);
  return ticks < 0 || per_second <= 0 ? -1 : ticks * (ns_per_second / per_second);
}

// Opens no file.
void read_clocks(Usage& usage, pid_t server) noexcept {
  usage.server_cpu_ns = cpu_time_of(server);
  rusage self, children;  // children that were waited for: what a process per attempt costs
  if (::getrusage(RUSAGE_SELF, &self) != 0 || ::getrusage(RUSAGE_CHILDREN, &children) != 0) return;
  usage.cpu_user_ns = nanoseconds(self.ru_utime) + nanoseconds(children.ru_utime);
  usage.cpu_sys_ns = nanoseconds(self.ru_stime) + nanoseconds(children.ru_stime);
  usage.voluntary_switches = self.ru_nvcsw + children.ru_nvcsw;
  usage.involuntary_switches = self.ru_nivcsw + children.ru_nivcsw;
  usage.cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  if (usage.cpu_ns >= 0) usage.cpu_ns += nanoseconds(children.ru_utime) + nanoseconds(children.ru_stime);
}

// netstat is pairs of lines: names, then values in the same order.
int64_t tcp_extension(std::string_view netstat, std::string_view name) noexcept {
  const size_t names_at = netstat.find("TcpExt:");
  if (names_at == std::string_view::npos) return -1;
  const std::string_view names = netstat.substr(names_at);
  const size_t values_at = names.find("\nTcpExt:");
  if (values_at == std::string_view::npos) return -1;
  const std::string_view values = names.substr(values_at + 1);
  for (size_t i = 1; !word(names, i).empty(); ++i) {
    if (word(names, i) == name) return leading_number(word(values, i));
  }
  return -1;
}

constexpr size_t softirq_word = 7;  // in a line of /proc/stat that begins with "cpu"
constexpr size_t steal_word = 8;

// Softirq ticks of the processors to which this process is confined. -1 when it may run on all of them: then nothing
// tells its softirqs from those of others.
int64_t softirq_ticks_of_own_processors(std::string_view stat) noexcept {
  cpu_set_t own;
  if (::sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) >= ::sysconf(_SC_NPROCESSORS_ONLN)) return -1;
  int64_t ticks = 0;
  for (int cpu = 0, left = CPU_COUNT(&own); left > 0; ++cpu) {
    if (!CPU_ISSET(cpu, &own)) continue;
    --left;
    std::array<char, 16> label;
    std::snprintf(label.data(), label.size(), "\ncpu%d ", cpu);
    const size_t line = stat.find(label.data());
    if (line == std::string_view::npos) return -1;
    ticks += leading_number(word(stat.substr(line + 1), softirq_word));
  }
  return ticks;
}

void read_files(Usage& usage) noexcept {
  std::array<char, 16384> buffer;
  const std::string_view stat = read_once("/proc/stat", buffer);  // the first line is the whole machine
  usage.softirq_ns = ticks_to_ns(leading_number(word(stat, softirq_word)));
  usage.client_softirq_ns = ticks_to_ns(softirq_ticks_of_own_processors(stat));
  usage.steal_ns = ticks_to_ns(leading_number(word(stat, steal_word)));
  usage.listen_overflows = tcp_extension(read_once("/proc/thread-self/net/netstat", buffer), "ListenOverflows");
  usage.rss_peak_kib = number_after(read_once("/proc/self/status", buffer), "VmHWM:");
}

int64_t count_threads(pid_t pid) noexcept {
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", pid);
  std::array<char, 1024> buffer;
  const std::string_view stat = read_once(path.data(), buffer);
  const size_t name_end = stat.rfind(')');  // the last one: a name may contain blanks and parentheses
  // Field 20 of proc(5); word 0 is field 3.
  return name_end == std::string_view::npos ? -1 : leading_number(word(stat.substr(name_end + 1), 17));
}

// The children of one thread of a process. A kernel may lack the file (CONFIG_PROC_CHILDREN): 0.
int64_t count_children(pid_t pid, pid_t thread) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", pid, thread);
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  int64_t count = 0;
  for (ssize_t size; file && (size = ::read(file.get(), buffer.data(), buffer.size())) > 0;)
    count += std::count(buffer.begin(), buffer.begin() + size, ' ');  // one after each number
  return count;
}

int64_t count_descriptors(pid_t pid, pid_t thread) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/fd", pid, thread);
  struct stat directory;
  if (::stat(path.data(), &directory) != 0) return -1;
  // The number of descriptors since Linux 6.2. 0 in older kernels, or when there are none.
  if (directory.st_size > 0) return directory.st_size;
  DIR* entries = ::opendir(path.data());
  if (entries == nullptr) return -1;
  int64_t count = 0;
  while (const dirent* entry = ::readdir(entries)) count += entry->d_name[0] != '.';
  ::closedir(entries);
  return count;
}

}  // namespace

Usage read_usage_before(pid_t server) noexcept {
  Usage usage;
  read_files(usage);
  read_clocks(usage, server);
  return usage;
}

Usage read_usage_after(pid_t server) noexcept {
  Usage usage;
  read_clocks(usage, server);
  read_files(usage);
  return usage;
}

Usage operator-(const Usage& after, const Usage& before) noexcept {
  Usage difference;
  for (int64_t Usage::*counter : {&Usage::cpu_ns, &Usage::cpu_user_ns, &Usage::cpu_sys_ns, &Usage::softirq_ns,
                                  &Usage::client_softirq_ns, &Usage::steal_ns, &Usage::server_cpu_ns,
                                  &Usage::listen_overflows, &Usage::voluntary_switches, &Usage::involuntary_switches}) {
    if (after.*counter >= 0 && before.*counter >= 0) difference.*counter = after.*counter - before.*counter;
  }
  difference.rss_peak_kib = after.rss_peak_kib;
  return difference;
}

Footprint read_footprint(pid_t pid, std::span<const std::atomic<pid_t>> others) noexcept {
  Footprint seen{.threads = count_threads(pid), .fds = count_descriptors(pid, pid)};
  if (seen.threads < 0) return seen;
  seen.children = count_children(pid, pid);
  for (const std::atomic<pid_t>& other : others)
    if (const pid_t thread = other.load(std::memory_order_relaxed); thread != 0) {
      seen.fds += std::max<int64_t>(0, count_descriptors(pid, thread));
      seen.children += count_children(pid, thread);
    }
  return seen;
}

}  // namespace connbench
