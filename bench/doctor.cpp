// connbench doctor: what this machine offers, and what will be skipped here, each with its remedy.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "bench/columns.h"
#include "bench/commands.h"
#include "harness/connector/registry.h"
#include "harness/lab/lab.h"
#include "harness/machine/kernel_timeout.h"
#include "harness/machine/machine.h"
#include "harness/run/pending_room.h"
#include "harness/support/units.h"
#include "harness/support/wrapped.h"
#include "harness/syscalls/syscall_counter.h"

namespace connbench {
namespace {

// A finding: what was looked at, what was seen, and what to do about it where that may be wanted.
struct Finding {
  std::string subject, seen, remedy;
};

Finding about_limit(std::string subject, const Limit& limit) {
  return {std::move(subject), fmt::format("{} ({})", limit.value, limit.name), "to raise: " + limit.how_to_raise};
}

Finding about_cpus() {
  const auto cpus = online_cpus();
  Finding finding{"processors", fmt::format("{}", cpus.size()), ""};
  if (cpus.size() < 2)
    finding.remedy = "client and servers share one: rates are lower bounds";
  else
    finding.remedy = fmt::format("to keep the sides apart: --cpus client={},server={}", cpus[0], cpus[1]);
  return finding;
}

Finding about_ports() {
  const PortRange range = ephemeral_ports();
  return {"ephemeral ports", fmt::format("{} ({}-{})", range.size(), range.first, range.last),
          "to widen: sysctl -w net.ipv4.ip_local_port_range='1024 65535'"};
}

Finding about_backlog() {
  return {"longest backlog", sysctl("net.core.somaxconn").value_or("unknown"),
          "to raise: sysctl -w net.core.somaxconn=N"};
}

Finding about_kernel_timeout() {
  const auto timeout = kernel_connect_timeout();
  return {"kernel gives up a connect() after", timeout ? "about " + human_readable(*timeout) : "unknown",
          "computed from net.ipv4.tcp_syn_retries and tcp_syn_linear_timeouts"};
}

Finding about_syscalls() {
  const SyscallCounting counting = probe_syscall_counting();
  if (counting.method.empty())
    return {"counting system calls", "not possible: the column stays empty", counting.why_not};
  return {"counting system calls", fmt::format("by {}", counting.method), ""};
}

Finding about_ipv6() {
  const auto disabled = sysctl("net.ipv6.conf.lo.disable_ipv6");
  if (disabled == "0") return {"IPv6 on loopback", "yes", ""};
  return {"IPv6 on loopback", "no", "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"};
}

Finding about_lab() {
  const auto why_not = lab::why_no_lab();
  return {"the lab", why_not ? "cannot be made: its targets are skipped" : "can be made", why_not.value_or("")};
}

// Each shard has a descriptor table of its own, so RLIMIT_NOFILE bounds it alone. With a tenth to spare, because the
// rest of the machine connects too.
Finding about_shards(const std::vector<Limit>& limits) {
  const Limit& tightest = *std::ranges::min_element(limits, {}, &Limit::value);
  const uint64_t table = pending_by_descriptors().value;
  const uint64_t pending = tightest.value / 10 * 9;
  Finding finding = about_limit("pending attempts, in shards", tightest);
  finding.remedy = table == 0 || pending == 0
                       ? "no shard can hold any here"
                       : fmt::format(
                             "so many less a tenth: connbench run --connector epoll --target blackhole --shards {} "
                             "--concurrency {} --attempts {} --timeout 20s --wave-limit 120s --repetitions 1 "
                             "--handshake off --syscalls off",
                             (pending + table - 1) / table, pending, pending);
  return finding;
}

// How many attempts can wait at one time for a host that never answers.
std::vector<Finding> about_capacity() {
  const auto measured = measure_pending_cost();
  const PendingCost cost = measured.value_or(usual_pending_cost);
  const auto limits = pending_limits(cost);
  std::vector<Finding> findings{
      {"an attempt takes of the kernel",
       fmt::format("{:.1f} KiB of slab, {:.2f} pages of TCP memory", cost.slab_bytes / 1024, cost.tcp_pages),
       measured ? "measured now, in the lab" : "not measured here: what Linux 6.18 on x86-64 takes"},
      about_limit("pending attempts, in one process", pending_by_descriptors()),
      about_shards(limits)};
  findings[1].remedy += "; or --shards, of which each has its own";
  for (const Limit& limit : limits) findings.push_back(about_limit("  bound of all shards", limit));
  if (!pending_by_tcp_memory(cost))
    findings.push_back(
        {"  bound of all shards", "net.ipv4.tcp_mem is unknown", "only the machine's own network namespace shows it"});
  return findings;
}

std::vector<Finding> about_connectors() {
  std::vector<Finding> findings;
  for (const ConnectorEntry* entry : all_connectors()) {
    Retirement retirement({}, 0);
    const auto reason = entry->probe({Options("", entry->options), 1, retirement});
    findings.push_back({std::string(entry->name), reason ? "skipped" : "works", reason.value_or("")});
  }
  return findings;
}

void print(std::string_view title, const std::vector<Finding>& findings) {
  std::vector<std::vector<std::string>> rows{{"", "", ""}};
  for (const Finding& finding : findings) rows.push_back({finding.subject, finding.seen, finding.remedy});
  fmt::print("{}{}\n", title, align(rows, terminal_columns(STDOUT_FILENO)));
}

int examine() {
  raise_descriptor_limit();
  print("This machine",
        {about_cpus(), about_limit("descriptors", descriptor_limit()), about_limit("threads", thread_limit()),
         about_ports(), about_backlog(), about_kernel_timeout(), about_ipv6(), about_syscalls(), about_lab()});
  print("At a host that never answers", about_capacity());
  print("Ways to connect", about_connectors());
  return done;
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("doctor", "what this machine offers, and what will be skipped here");
  command->callback([&status] { status = examine(); });
}

}  // namespace connbench
