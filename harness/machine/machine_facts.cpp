// Facts that are read from one place each.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

// The number after `label` in the line of sockstat that begins with `protocol`; -1 when there is none.
int64_t of_sockstat(const char* path, std::string_view protocol, std::string_view label) noexcept {
  std::array<char, 1024> buffer;
  const std::string_view sockstat = read_once(path, buffer);
  return number_after(sockstat.substr(std::min(sockstat.find(protocol), sockstat.size())), label);
}

}  // namespace

std::optional<std::string> sysctl(const std::string& name) {
  std::string path = "/proc/sys/" + name;
  std::replace(path.begin() + 10, path.end(), '.', '/');
  return read_text(path);
}

PortRange ephemeral_ports() {
  const std::string range = sysctl("net.ipv4.ip_local_port_range").value_or("");
  const int64_t first = leading_number(word(range, 0));
  const int64_t last = leading_number(word(range, 1));
  if (first < 0 || last < first || last > UINT16_MAX) {
    throw std::system_error(ENOENT, std::generic_category(), "net.ipv4.ip_local_port_range");
  }
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

Limit descriptor_limit() {
  rlimit limit;
  checked(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit(RLIMIT_NOFILE)");
  const std::string how =
      limit.rlim_cur < limit.rlim_max
          ? fmt::format("ulimit -n {}", limit.rlim_max)
          : fmt::format(
                "as root: prlimit --pid $$ --nofile={0}:{0}, or 'nofile' in /etc/security/limits.conf "
                "(fs.nr_open, {0}, bounds both)",
                sysctl("fs.nr_open").value_or("unknown"));
  return {limit.rlim_cur, "RLIMIT_NOFILE", how};
}

uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::vector<int> online_cpus() {
  // Ranges and single numbers, such as "0-3,8".
  const std::string list = read_text("/sys/devices/system/cpu/online").value_or("");
  const char* at = list.data();
  const char* const end = at + list.size();
  std::vector<int> cpus;
  int first = 0;
  while (at < end && std::from_chars(at, end, first).ec == std::errc()) {
    int last = first;
    at = std::find_if(at, end, [](char c) { return c == '-' || c == ','; });
    if (at < end && *at == '-') at = std::from_chars(at + 1, end, last).ptr;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (at < end) ++at;
  }
  return cpus;
}

Duration timer_slack() noexcept {
  return Duration(::prctl(PR_GET_TIMERSLACK));
}

int64_t time_wait_sockets() noexcept {
  return of_sockstat("/proc/thread-self/net/sockstat", "TCP:", " tw ");
}

int64_t tcp_sockets_in_use() noexcept {
  const int64_t ipv4 = of_sockstat("/proc/thread-self/net/sockstat", "TCP:", " inuse ");
  const int64_t ipv6 = of_sockstat("/proc/thread-self/net/sockstat6", "TCP6:", " inuse ");  // -1: there is no IPv6
  return ipv4 < 0 ? ipv4 : ipv4 + std::max<int64_t>(0, ipv6);
}

}  // namespace connbench
