// How many more threads can be made, and what bounds them.
#include <dirent.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "harness/machine/machine.h"
#include "harness/machine/usage.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

uint64_t room(uint64_t limit, uint64_t used) {
  return limit > used ? limit - used : 0;
}

template <typename Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const size_t length = std::min(text.find('\n'), text.size());
    take(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
}

// The kernel exempts root and holders of two capabilities, but only outside all user namespaces.
bool exempt_from_nproc() {
  const std::string map = read_text("/proc/self/uid_map").value_or("");
  const bool in_initial_namespace = leading_number(word(map, 2)) == UINT32_MAX;
  if (!in_initial_namespace) return ::getuid() == 0 && leading_number(word(map, 1)) == 0;
  const std::string status = read_text("/proc/self/status").value_or("");
  const size_t at = status.find("CapEff:\t");
  uint64_t effective = 0;
  if (at != std::string::npos) std::from_chars(&status[at + 8], status.data() + status.size(), effective, 16);
  constexpr uint64_t exempting = (1ULL << CAP_SYS_RESOURCE) | (1ULL << CAP_SYS_ADMIN);
  return ::getuid() == 0 || (effective & exempting) != 0;
}

uint64_t threads_of_user(uid_t user) {
  uint64_t threads = 0;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) return 0;
  while (const dirent* entry = ::readdir(processes)) {
    const int64_t pid = leading_number(entry->d_name);
    struct stat owner;
    if (pid <= 0 || ::stat(fmt::format("/proc/{}", pid).c_str(), &owner) != 0 || owner.st_uid != user) continue;
    threads += static_cast<uint64_t>(std::max<int64_t>(0, read_footprint(static_cast<pid_t>(pid)).threads));
  }
  ::closedir(processes);
  return threads;
}

void add_nproc(std::vector<Limit>& limits) {
  rlimit limit;
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || exempt_from_nproc()) return;
  limits.push_back({room(limit.rlim_cur, threads_of_user(::getuid())), "RLIMIT_NPROC",
                    limit.rlim_cur < limit.rlim_max ? "ulimit -u " + std::to_string(limit.rlim_max)
                                                    : "'nproc' in /etc/security/limits.conf (as root)"});
}

void add_sysctl(std::vector<Limit>& limits, const std::string& name, uint64_t used, uint64_t per_thread) {
  const int64_t limit = leading_number(sysctl(name).value_or(""));
  if (limit < 0) return;
  const uint64_t threads = room(static_cast<uint64_t>(limit), used) / per_thread;
  limits.push_back({threads, name, fmt::format("sysctl -w {}=<more> (as root)", name)});
}

// This process's path below `root` in the hierarchy of /proc/self/cgroup that has `controllers`; "" = the root itself.
std::string group_path(std::string_view controllers, std::string_view root) {
  const std::string cgroups = read_text("/proc/self/cgroup").value_or("");
  std::string path;
  for_each_line(cgroups, [&](std::string_view line) {  // "8:pids:/path"; in version 2, "0::/path"
    const size_t names = line.find(':') + 1;
    const size_t end = line.find(':', names);
    if (end == std::string_view::npos) return;
    const std::string list = fmt::format(",{},", line.substr(names, end - names));
    if (list.find(fmt::format(",{},", controllers)) != std::string::npos) path = line.substr(end + 1);
  });
  if (root != "/" && path.starts_with(root)) path.erase(0, root.size());
  return path == "/" ? "" : path;
}

void add_cgroups(std::vector<Limit>& limits) {
  for (const std::string& group : cgroups_of("pids")) {
    const std::string file = group + "/pids.max";
    const int64_t limit = leading_number(read_text(file).value_or(""));  // "max": no limit
    const int64_t used = leading_number(read_text(group + "/pids.current").value_or(""));
    if (limit >= 0 && used >= 0) {
      limits.push_back({room(static_cast<uint64_t>(limit), static_cast<uint64_t>(used)), file,
                        fmt::format("echo max > {} (as root), or TasksMax= of the systemd unit", file)});
    }
  }
}

// The fourth word of loadavg is running/all, for the whole machine.
uint64_t threads_of_machine() {
  const std::string load = read_text("/proc/loadavg").value_or("");
  return static_cast<uint64_t>(std::max<int64_t>(0, number_after(word(load, 3), "/")));
}

uint64_t memory_maps() {
  const std::string maps = read_text("/proc/self/maps").value_or("");
  return static_cast<uint64_t>(std::ranges::count(maps, '\n')) + 1;
}

}  // namespace

// Follows each hierarchy up to its mount point, because the limit of an ancestor binds too. A line of mountinfo:
// id parent device root place options… - type source options.
std::vector<std::string> cgroups_of(std::string_view controller) {
  std::vector<std::string> groups;
  const std::string mounts = read_text("/proc/self/mountinfo").value_or("");
  for_each_line(mounts, [&](std::string_view line) {
    const std::string_view tail = line.substr(std::min(line.find(" - "), line.size()));
    const std::string options = fmt::format(",{},", word(tail, 3));
    const bool version_2 = word(tail, 1) == "cgroup2";
    if (!version_2 && (word(tail, 1) != "cgroup" || options.find(fmt::format(",{},", controller)) == std::string::npos))
      return;
    const std::string mount(word(line, 4));
    for (std::string group = group_path(version_2 ? "" : controller, word(line, 3));; group.erase(group.rfind('/'))) {
      groups.push_back(mount + group);
      if (group.rfind('/') == std::string::npos) return;
    }
  });
  return groups;
}

Limit thread_limit() {
  std::vector<Limit> limits;
  add_nproc(limits);
  add_cgroups(limits);
  add_sysctl(limits, "kernel.threads-max", threads_of_machine(), 1);
  add_sysctl(limits, "kernel.pid_max", threads_of_machine(), 1);
  add_sysctl(limits, "vm.max_map_count", memory_maps(), 2);  // a stack and its guard page
  if (limits.empty()) return {UINT64_MAX, "unknown: the kernel reports no limit", ""};
  return *std::ranges::min_element(limits, {}, &Limit::value);
}

}  // namespace connbench
