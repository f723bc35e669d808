#include "harness/run/pending_room.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "harness/lab/lab.h"
#include "harness/machine/memory.h"
#include "harness/process/descriptor_table.h"
#include "harness/process/shared.h"
#include "harness/support/proc_file.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/far_target.h"

namespace connbench {
namespace {

constexpr size_t measured_attempts = 8'000;

int64_t tcp_pages_in_use() {
  const std::string sockets = read_text("/proc/net/sockstat").value_or("");
  const size_t tcp = sockets.find("TCP:");
  return tcp == std::string::npos ? -1 : number_after(std::string_view(sockets).substr(tcp), " mem");
}

int64_t slab_bytes() {
  const int64_t kib = number_after(read_text("/proc/meminfo").value_or(""), "Slab:");
  return kib < 0 ? -1 : kib * 1024;
}

// The pages that TCP may use: the last of three numbers. Only the initial network namespace shows them.
std::optional<int64_t> read_tcp_memory_limit() {
  const std::string text = sysctl("net.ipv4.tcp_mem").value_or("");
  const int64_t last = leading_number(std::string_view(text).substr(text.find_last_of(" \t") + 1));
  return last < 0 ? std::nullopt : std::optional(last);
}

std::optional<int64_t>& tcp_memory_limit() {
  static std::optional<int64_t> pages = read_tcp_memory_limit();
  return pages;
}

uint64_t non_negative(double attempts) {
  return attempts <= 0 ? 0 : static_cast<uint64_t>(attempts);
}

struct Reading {
  int64_t slab;
  int64_t pages;
};
Reading read_now() {
  return {slab_bytes(), tcp_pages_in_use()};
}

// The machine before attempts are held and while they are. They use up freed slab objects first, but thousands of
// attempts need many more than that.
struct Growth {
  Reading before, after;
  size_t held;
};
Growth hold(lab::Lab& lab, size_t attempts) {
  const auto target = lab::unserved({.open_at_once = attempts, .lab = &lab}, lab::Block::blackhole);
  const auto endpoints = target->endpoints();
  std::vector<UniqueFd> sockets;
  sockets.reserve(attempts);
  const Reading before = read_now();
  while (sockets.size() < attempts) {
    const Endpoint& to = endpoints[sockets.size() % endpoints.size()];
    UniqueFd socket(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.get(), to.address(), to.size()) == 0 || errno != EINPROGRESS) break;
    sockets.push_back(std::move(socket));
  }
  return {before, read_now(), sockets.size()};
}

// A result that is off by more than a factor of two was disturbed by other programs.
bool plausible(double value, double usual) {
  return value > usual / 2 && value < usual * 2;
}

}  // namespace

std::optional<PendingCost> measure_pending_cost() try {
  const uint64_t room = descriptor_limit().value;
  const size_t attempts = std::min<size_t>(measured_attempts, room > 100 ? room - 100 : 0);
  const Shared<Growth> seen;
  const int status = lab::run_in_lab({}, [&](lab::Lab& lab) {
    *seen = hold(lab, attempts);
    return 0;
  });
  const Growth& growth = *seen;
  if (status != 0 || growth.held < attempts || attempts < measured_attempts / 4) return std::nullopt;
  if (growth.before.slab < 0 || growth.before.pages < 0) return std::nullopt;
  const auto each = [&](int64_t before, int64_t after) {
    return static_cast<double>(after - before) / static_cast<double>(growth.held);
  };
  const PendingCost cost{.slab_bytes = each(growth.before.slab, growth.after.slab),
                         .tcp_pages = each(growth.before.pages, growth.after.pages),
                         .measured = true};
  const bool trusted = plausible(cost.slab_bytes, usual_pending_cost.slab_bytes) &&
                       plausible(cost.tcp_pages, usual_pending_cost.tcp_pages);
  return trusted ? std::optional(cost) : std::nullopt;
} catch (const std::exception&) {
  return std::nullopt;
}

Limit pending_by_descriptors() {
  Limit limit = descriptor_limit();
  limit.value -= std::min<uint64_t>(limit.value, descriptors_of_the_harness);
  return limit;
}

void note_tcp_memory() {
  tcp_memory_limit() = read_tcp_memory_limit();
}

std::optional<uint64_t> tcp_pages_for(size_t attempts) {
  const int64_t used = tcp_pages_in_use();
  if (used < 0) return std::nullopt;
  return static_cast<uint64_t>(used) +
         static_cast<uint64_t>(1.1 * static_cast<double>(attempts) * usual_pending_cost.tcp_pages);
}

std::optional<Limit> pending_by_tcp_memory(const PendingCost& cost) {
  const auto most = tcp_memory_limit();
  const int64_t used = tcp_pages_in_use();
  if (!most || used < 0) return std::nullopt;
  // Each CPU holds some pages in reserve, so a measurement may see fewer than an attempt takes.
  const double each = std::max(cost.tcp_pages, usual_pending_cost.tcp_pages);
  const auto for_a_million = static_cast<int64_t>(1.1e6 * each) + used;
  return Limit{.value = non_negative(static_cast<double>(*most - used) / each),
               .name = fmt::format("net.ipv4.tcp_mem: {} pages, {} in use, {:.2g} per attempt", *most, used, each),
               .how_to_raise = fmt::format("for a million attempts: sysctl -w net.ipv4.tcp_mem='{} {} {}'",
                                           for_a_million / 2, for_a_million * 3 / 4, for_a_million)};
}

std::optional<Limit> pending_by_memory(const PendingCost& cost) {
  const auto available = memory_available();
  if (!available) return std::nullopt;
  const double each = cost.slab_bytes + pending_user_bytes;
  return Limit{
      .value = non_negative(static_cast<double>(available->value) / each),
      .name = fmt::format("memory: {} MiB are free{}, {:.1f} KiB per attempt", available->value >> 20,
                          available->name.starts_with('/') ? fmt::format(" ({})", available->name) : "", each / 1024),
      .how_to_raise = available->how_to_raise};
}

std::optional<Limit> pending_by_epoll_watches() {
  const auto most = sysctl("fs.epoll.max_user_watches");
  if (!most || leading_number(*most) < 0) return std::nullopt;
  return Limit{.value = static_cast<uint64_t>(leading_number(*most)),
               .name = "fs.epoll.max_user_watches",
               .how_to_raise = "sysctl -w fs.epoll.max_user_watches=N"};
}

std::optional<Limit> pending_by_ports() try {
  const size_t ports = ephemeral_port_count();
  return Limit{
      .value = ports * lab::blackhole_addresses,
      .name = fmt::format("{} ephemeral ports x {} addresses of the blackhole", ports, lab::blackhole_addresses),
      .how_to_raise = "--sysctl net.ipv4.ip_local_port_range='1024 65535' (of the lab)"};
} catch (const std::system_error&) {
  return std::nullopt;
}

std::vector<Limit> pending_limits(const PendingCost& cost) {
  std::vector<Limit> limits;
  for (auto& limit :
       {pending_by_tcp_memory(cost), pending_by_memory(cost), pending_by_epoll_watches(), pending_by_ports()})
    if (limit) limits.push_back(*limit);
  return limits;
}

}  // namespace connbench
