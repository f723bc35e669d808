// Facts that are read from one place each.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

// fs.nr_open bounds both the soft and the hard limit.
std::string how_to_raise_descriptors(const rlimit& limit) {
  if (limit.rlim_cur < limit.rlim_max) return fmt::format("ulimit -n {}", limit.rlim_max);
  const int64_t most = leading_number(sysctl("fs.nr_open").value_or(""));
  if (most > 0 && limit.rlim_max < static_cast<rlim_t>(most))
    return fmt::format("as root: prlimit --pid $$ --nofile={0}:{0}, or 'nofile' in /etc/security/limits.conf", most);
  return "as root: sysctl -w fs.nr_open=N, then prlimit --pid $$ --nofile=N:N";
}

}  // namespace

std::optional<std::string> sysctl(const std::string& name) {
  std::string path = "/proc/sys/" + name;
  std::replace(path.begin() + 10, path.end(), '.', '/');
  return read_text(path);
}

PortRange ephemeral_ports() {
  errno = 0;
  const auto known = sysctl("net.ipv4.ip_local_port_range");
  const int why_not = !known && errno != 0 ? errno : ENOENT;  // also when no descriptor is left to read it with
  const std::string range = known.value_or("");
  const int64_t first = leading_number(word(range, 0));
  const int64_t last = leading_number(word(range, 1));
  if (first < 0 || last < first || last > UINT16_MAX) {
    throw std::system_error(why_not, std::generic_category(), "net.ipv4.ip_local_port_range");
  }
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

std::vector<PortRange> reserved_ports() {
  std::vector<PortRange> ports;
  for (const auto& [first, last] : number_ranges(sysctl("net.ipv4.ip_local_reserved_ports").value_or("")))
    if (0 <= first && first <= last && last <= UINT16_MAX)
      ports.push_back({static_cast<uint16_t>(first), static_cast<uint16_t>(last)});
  return ports;
}

size_t ephemeral_port_count() {
  const PortRange range = ephemeral_ports();
  size_t count = range.size();
  for (const PortRange& reserved : reserved_ports()) {  // the kernel merges ranges that overlap
    const int first = std::max(range.first, reserved.first), last = std::min(range.last, reserved.last);
    count -= static_cast<size_t>(std::max(0, last - first + 1));
  }
  return count;
}

uint16_t first_unprivileged_port() noexcept {
  const int64_t first = leading_number(sysctl("net.ipv4.ip_unprivileged_port_start").value_or(""));
  return first < 0 || first > UINT16_MAX ? 1024 : static_cast<uint16_t>(first);
}

Limit descriptor_limit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {  // refused by a seccomp profile
    const int64_t soft = number_after(read_text("/proc/self/limits").value_or(""), "Max open files");
    if (soft < 0) return {UINT64_MAX, "unknown: getrlimit() is refused", ""};
    return {static_cast<uint64_t>(soft), "RLIMIT_NOFILE", "'nofile' in /etc/security/limits.conf (as root)"};
  }
  return {limit.rlim_cur, "RLIMIT_NOFILE", how_to_raise_descriptors(limit)};
}

uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
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
