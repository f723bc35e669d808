#include "bench/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/inventory.h"
#include "harness/lab/lab.h"
#include "harness/machine/ipv6.h"
#include "harness/machine/kernel_timeout.h"
#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/process/affinity.h"
#include "harness/process/ask_in_child.h"
#include "harness/run/pending_room.h"
#include "harness/support/units.h"
#include "harness/syscalls/syscall_counter.h"

namespace connbench {
namespace {

Finding about_limit(std::string subject, const Limit& limit) {
  if (limit.value == UINT64_MAX) return {std::move(subject), limit.name, limit.how_to_raise};
  return {std::move(subject), fmt::format("{} ({})", limit.value, limit.name), "to raise: " + limit.how_to_raise};
}

Finding about_cpus() {
  const size_t available = available_cpus().size();
  const size_t online = std::max(online_cpus().size(), available);
  Finding finding{"processors", fmt::format("{}", available), ""};
  if (available < online) finding.value += fmt::format(" of {}, by this process's affinity or cpuset", online);
  if (const auto cpus = usable_suggested_cpus())
    finding.remedy = "to keep the sides apart: --cpus " + cpus->text();
  else
    finding.remedy = "client and servers share them: rates are lower bounds";
  if (available == 1) finding.remedy = "client and servers share it: rates are lower bounds";
  return finding;
}

void add_cpu_quota(std::vector<Finding>& findings) {
  const auto quota = cpu_quota();
  if (!quota) return;
  findings.push_back({"processor time", fmt::format("{:.3g} processors ({})", quota->processors, quota->name),
                      "a wave that uses more is stopped for up to 100 ms; to raise: " + quota->how_to_raise});
}

Finding about_ports() {
  constexpr size_t widest = 65535 - 1024 + 1;
  try {
    const PortRange range = ephemeral_ports();
    const size_t ports = ephemeral_port_count();
    const std::string less =
        ports < range.size() ? fmt::format(", less {} of ip_local_reserved_ports", range.size() - ports) : "";
    return {"ephemeral ports", fmt::format("{} ({}-{}{})", ports, range.first, range.last, less),
            range.size() < widest ? "to widen: sysctl -w net.ipv4.ip_local_port_range='1024 65535'" : ""};
  } catch (const std::system_error&) {
    return {"ephemeral ports", "unknown", ""};
  }
}

Finding about_backlog() {
  return {"longest backlog", sysctl("net.core.somaxconn").value_or("unknown"),
          "to raise: sysctl -w net.core.somaxconn=N"};
}

Finding about_kernel_timeout() {
  const auto timeout = kernel_connect_timeout();
  return {"kernel gives up a connect() after", timeout ? "about " + human_readable(*timeout) : "unknown",
          "computed from net.ipv4.tcp_syn_retries, tcp_syn_linear_timeouts and tcp_rto_max_ms"};
}

Finding about_syscalls() {
  const SyscallCounting counting = probe_syscall_counting();
  if (counting.method.empty())
    return {"counting system calls", "not possible: the column stays empty", counting.why_not};
  return {"counting system calls", fmt::format("by {}", counting.method), ""};
}

Finding about_ipv6() {
  const auto why_not = why_no_ipv6();
  return {"IPv6 on loopback", why_not ? "no: it is skipped" : "yes", why_not.value_or("")};
}

Finding about_lab() {
  const auto why_not = lab::why_no_lab();
  return {"the lab", why_not ? "cannot be made: its targets are skipped" : "can be made", why_not.value_or("")};
}

// Each shard has a descriptor table of its own, so RLIMIT_NOFILE does not bound all of them together. A tenth is left
// to the rest of the machine, which connects too.
Finding about_shards(const std::vector<Limit>& limits) {
  if (limits.empty()) return {"pending attempts, in shards", "unknown", ""};
  const Limit& tightest = *std::ranges::min_element(limits, {}, &Limit::value);
  const uint64_t table = pending_by_descriptors().value;
  const uint64_t pending = tightest.value / 10 * 9;
  Finding finding = about_limit("pending attempts, in shards", tightest);
  finding.remedy = table == 0 || pending == 0
                       ? "no shard can hold any here"
                       : fmt::format(
                             "nine tenths of them: connbench run --connector epoll --target blackhole --shards {} "
                             "--concurrency {} --attempts {} --timeout 20s --wave-limit 120s --repetitions 1 "
                             "--handshake off --syscalls off",
                             (pending + table - 1) / table, pending, pending);
  return finding;
}

}  // namespace

std::optional<SuggestedCpus> usable_suggested_cpus() {
  const auto cpus = suggested_cpus();
  if (!cpus) return std::nullopt;
  const ChildAnswer answer = ask_in_child([&cpus] {
    for (const int cpu : {cpus->client, cpus->server}) run_on(0, {&cpu, 1});
    return "";
  });
  return answer.ok ? cpus : std::nullopt;
}

std::vector<Finding> examine_machine() {
  std::vector<Finding> findings{about_cpus()};
  add_cpu_quota(findings);
  for (const Finding& finding :
       {about_limit("descriptors", descriptor_limit()), about_limit("threads", thread_limit()), about_ports(),
        about_backlog(), about_kernel_timeout(), about_ipv6(), about_syscalls(), about_lab()})
    findings.push_back(finding);
  return findings;
}

std::vector<Finding> examine_capacity() {
  const auto measured = measure_pending_cost();
  const PendingCost cost = measured.value_or(usual_pending_cost);
  const auto limits = pending_limits(cost);
  Finding one_process = about_limit("pending attempts, in one process", pending_by_descriptors());
  one_process.remedy += "; or use --shards, each of which has its own";
  std::vector<Finding> findings{
      {"kernel memory of an attempt",
       fmt::format("{:.1f} KiB of slab, {:.2f} pages of TCP memory", cost.slab_bytes / 1024, cost.tcp_pages),
       measured ? "measured now, in the lab" : "not measured here: what Linux 6.18 on x86-64 takes"},
      std::move(one_process),
      about_shards(limits)};
  for (const Limit& limit : limits) findings.push_back(about_limit("bound of all shards", limit));
  if (!pending_by_tcp_memory(cost))
    findings.push_back(
        {"bound of all shards", "net.ipv4.tcp_mem is unknown", "only the machine's first network namespace shows it"});
  return findings;
}

std::vector<ConnectorFinding> examine_connectors() {
  describe_programs();
  std::vector<ConnectorFinding> findings;
  for (const ConnectorEntry* entry : every_connector())
    findings.push_back({std::string(entry->name), ask_capabilities_here(*entry).why_not});
  return findings;
}

}  // namespace connbench
