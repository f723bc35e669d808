#include "bench/grpc/experiment.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>

#include "bench/grpc/grpc_way.h"
#include "bench/grpc/settings_server.h"
#include "bench/grpc/sockets.h"
#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/machine/usage.h"
#include "harness/process/affinity.h"
#include "harness/process/ask_in_child.h"
#include "harness/support/proc_file.h"
#include "harness/support/seeded_order.h"
#include "harness/syscalls/syscall_counter.h"
#include "harness/targets/far_target.h"

namespace connbench::channels {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr Duration patience = std::chrono::seconds(10);  // with hosts that answer
constexpr Duration dead_timeout = milliseconds(100);
constexpr Duration short_try = std::chrono::seconds(1);  // of one of the watched channels
constexpr Duration one_way = milliseconds(10);           // to the host that is far away
constexpr size_t warm_up_attempts = 4;

enum class Kind : uint8_t { connect, first_bytes, channel, awaited_channel };
constexpr std::array<std::string_view, 4> kind_names{"connect", "first_bytes", "channel", "awaited_channel"};

std::string_view name_of(Kind kind) {
  return kind_names[static_cast<size_t>(kind)];
}

std::unique_ptr<Way> make_way(Kind kind, const Endpoint& to, size_t attempts) {
  switch (kind) {
    case Kind::connect:
      return std::make_unique<Sockets>(to, attempts, Until::connected);
    case Kind::first_bytes:
      return std::make_unique<Sockets>(to, attempts, Until::first_bytes);
    case Kind::channel:
      return notified_channels(to, attempts);
    case Kind::awaited_channel:
      return awaited_channels(to, attempts);
  }
  throw std::logic_error("no such way");
}

// Each measurement has a process of its own: what gRPC holds, and its threads, are in no other figure.
Json ask(const std::function<Json()>& question) {
  const ChildAnswer answer = ask_in_child([&] { return question().dump(); });
  if (!answer.ok) throw std::runtime_error(answer.text);
  return Json::parse(answer.text);
}

// gRPC begins with its first channel or queue, and ends with its last one. So what this returns has to live.
std::unique_ptr<Way> warmed_up(Kind kind, const Endpoint& near) {
  auto way = make_way(kind, near, warm_up_attempts);
  drive(*way, {.attempts = warm_up_attempts, .at_once = 1, .timeout = patience});
  return way;
}

// The hosts, and the processors of their servers and of who connects to them.
class Hosts {
 public:
  explicit Hosts(lab::Lab* lab) {
    const std::vector<int> cpus = cpus_ ? std::vector<int>{cpus_->server} : std::vector<int>{};
    const TargetRequest one{.open_at_once = 1, .addresses = 1, .cpus = cpus, .lab = lab};
    near_ = std::make_unique<SettingsServer>(bind_loopback(one), cpus);
    refusing_ = find_target("refusing").open(one);
    if (lab != nullptr) add_lab(*lab, one);
    if (cpus_) run_on(0, std::array<int, 1>{cpus_->client});
  }

  const SettingsServer& near() const { return *near_; }
  const SettingsServer& far() const { return *far_; }
  const Endpoint& refusing() const { return refusing_->endpoints().front(); }
  const Endpoint& refusing_far() const { return refusing_far_->endpoints().front(); }
  /// Two addresses.
  std::span<const Endpoint> dead() const { return dead_->endpoints(); }
  Json cpus() const { return cpus_ ? Json{{"client", cpus_->client}, {"server", cpus_->server}} : Json(); }

 private:
  void add_lab(lab::Lab& lab, TargetRequest request) {
    const lab::Block block = lab.add_far({.delay = one_way});
    {
      const lab::Visit server = lab.visit_server();
      BoundSockets bound;
      bound.sockets.push_back(stream_socket(Family::ipv4));
      const Endpoint any = Endpoint::ipv4(0, lab::port_of(block));
      checked(::bind(bound.sockets[0].get(), any.address(), any.size()), "bind");
      bound.endpoints.push_back(Endpoint::ipv4(lab::ipv4_address(block, 0), lab::port_of(block)));
      far_ = std::make_unique<SettingsServer>(std::move(bound), request.cpus);
    }
    refusing_far_ = find_target("refused-far:20ms").open(request);
    request.addresses = 2;
    dead_ = find_target("blackhole").open(request);
  }

  std::optional<SuggestedCpus> cpus_ = suggested_cpus();
  std::unique_ptr<SettingsServer> near_, far_;
  std::unique_ptr<Target> refusing_, refusing_far_, dead_;
};

// One way at one host, with one load.
struct Block {
  std::string_view name;
  Kind kind;
  Endpoint to;
  Load load;
  const SettingsServer* server = nullptr;  // of hosts that answer
};

std::vector<Block> blocks_of(const Hosts& hosts, const Sizes& sizes, bool in_lab) {
  std::vector<Block> blocks;
  const auto answering = [&](std::string_view name, const SettingsServer& server, Load load) {
    for (const Kind kind : {Kind::connect, Kind::first_bytes, Kind::channel, Kind::awaited_channel})
      if (kind != Kind::awaited_channel || load.at_once == 1)
        blocks.push_back({name, kind, server.endpoint(), load, &server});
  };
  answering("near", hosts.near(), {sizes.one_by_one, 1, patience});
  answering("near, at once", hosts.near(), {sizes.at_once, sizes.at_once, patience});
  for (const Kind kind : {Kind::connect, Kind::channel})
    blocks.push_back({"refusing", kind, hosts.refusing(), {sizes.one_by_one, 1, patience}});
  if (!in_lab) return blocks;
  answering("far", hosts.far(), {sizes.far, 1, patience});
  answering("far, at once", hosts.far(), {sizes.at_once, sizes.at_once, patience});
  for (const Kind kind : {Kind::connect, Kind::channel, Kind::awaited_channel})
    blocks.push_back({"dead", kind, hosts.dead().front(), {sizes.dead, 1, dead_timeout}});
  return blocks;
}

Json json_of(const Driven& driven) {
  Json prepared = Json::array(), took = Json::array(), batches = Json::array(), ends = Json::array();
  for (const Timed& one : driven.attempts) {
    prepared.push_back(one.prepared.count());
    took.push_back(one.took.count());
    ends.push_back(to_string(one.end));
  }
  for (const Duration batch : driven.batches) batches.push_back(batch.count());
  return {{"ends", ends}, {"prepared_ns", prepared}, {"took_ns", took}, {"batches_ns", batches}};
}

Json measure_block(const Block& block, const Endpoint& near) {
  const auto warm = warmed_up(block.kind, near);
  const auto way = make_way(block.kind, block.to, block.load.attempts);
  const Usage before = read_usage_before(0);
  const Driven driven = drive(*way, block.load);
  const Usage used = read_usage_after(0) - before;
  Json found{{"case", block.name},
             {"way", name_of(block.kind)},
             {"attempts", block.load.attempts},
             {"at_once", block.load.at_once},
             {"timeout_ns", block.load.timeout.count()},
             {"cpu_ns", used.cpu_ns},
             {"switches", used.voluntary_switches + used.involuntary_switches},
             {"threads", read_footprint(::getpid()).threads}};
  found.update(json_of(driven));
  return found;
}

// Waits until the server has accepted so many connections more, which it does a little after they are made: the next
// block shall not count them. Channels that shared a connection would never get there. @return how many it has accepted
int64_t accepted_since(const SettingsServer& server, uint64_t before, size_t expected) {
  constexpr Duration longest = std::chrono::seconds(1), pause = std::chrono::microseconds(100);
  for (const TimePoint end = now() + longest; server.accepted() < before + expected && now() < end;)
    sleep_until(now() + pause);
  return static_cast<int64_t>(server.accepted() - before);
}

Json measure_rounds(const Hosts& hosts, const Sizes& sizes, bool in_lab) {
  Json found = Json::array();
  const std::vector<Block> blocks = blocks_of(hosts, sizes, in_lab);
  for (size_t round = 1; round <= sizes.rounds; ++round) {
    for (const size_t place : seeded_order(blocks.size(), round)) {
      const Block& block = blocks[place];
      const SettingsServer& warming = hosts.near();
      const bool same = block.server == &warming;
      const uint64_t of_warming = warming.accepted(),
                     of_server = block.server != nullptr ? block.server->accepted() : 0;
      Json one = ask([&] { return measure_block(block, warming.endpoint()); });
      const size_t warm_ups = same ? warm_up_attempts : 0;
      accepted_since(warming, of_warming, warm_up_attempts);
      one["round"] = round;
      if (block.server != nullptr)
        one["accepted"] =
            accepted_since(*block.server, of_server, block.load.attempts + warm_ups) - static_cast<int64_t>(warm_ups);
      found.push_back(std::move(one));
    }
  }
  return found;
}

int64_t resident_kib() {
  return number_after(read_text("/proc/self/status").value_or(""), "VmRSS:");
}

Json hold(Kind kind, const Endpoint& near, size_t count) {
  const auto warm = warmed_up(kind, near);
  const auto way = make_way(kind, near, count);
  const auto is_ready = [](const Timed& one) { return one.end == End::ready; };
  const size_t few = count / 4;
  const Driven first = open(*way, 0, {few, few, patience});
  const int64_t with_few = resident_kib();
  const Driven rest = open(*way, few, {count - few, count - few, patience});
  const int64_t grown = resident_kib() - with_few;
  const auto ready = std::ranges::count_if(first.attempts, is_ready) + std::ranges::count_if(rest.attempts, is_ready);
  return {{"way", name_of(kind)},
          {"held", count},
          {"ready", ready},
          {"bytes_each", static_cast<double>(grown) * 1024 / static_cast<double>(count - few)},
          {"threads", read_footprint(::getpid()).threads}};
}

Json count_calls(Kind kind, const Endpoint& near, size_t attempts, std::string_view method) {
  const auto counter = make_syscall_counter(method);  // it counts only the threads that begin after it
  const auto warm = warmed_up(kind, near);
  const auto way = make_way(kind, near, attempts);
  counter->start();
  drive(*way, {.attempts = attempts, .at_once = 1, .timeout = patience});
  Json calls = Json::object();
  for (const SyscallCount& one : counter->stop()) calls[one.name] = one.calls;
  return {{"way", name_of(kind)}, {"attempts", attempts}, {"method", method}, {"calls", calls}};
}

int64_t realtime_ns(TimePoint monotonic) {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  return wall.tv_sec * int64_t{1'000'000'000} + wall.tv_nsec - (now() - monotonic).count();
}

Json watch(const Hosts& hosts, Duration length) {
  const std::array<Watched, 3> watched{Watched{hosts.dead()[0]}, Watched{hosts.dead()[1], short_try},
                                       Watched{hosts.refusing_far()}};
  constexpr std::array<std::string_view, 3> names{"dead", "dead", "refusing, far"};
  const auto [begun, changes] = watch_channels(watched, length);
  Json found = Json::array();
  for (size_t i = 0; i < watched.size(); ++i) {
    Json own = Json::array();
    for (const Change& change : changes)
      if (change.channel == i) own.push_back({{"after_ns", change.after.count()}, {"state", change.state}});
    found.push_back({{"host", names[i]},
                     {"min_timeout_ns", watched[i].min_timeout.count()},
                     {"to", watched[i].to.to_string()},
                     {"begun_realtime_ns", realtime_ns(begun)},
                     {"length_ns", length.count()},
                     {"changes", own}});
  }
  return found;
}

void skip(Json& into, std::string_view what, std::string_view why) {
  into["skipped"].push_back({{"what", what}, {"why", why}});
}

void measure_calls(Json& into, const Endpoint& near, size_t attempts) {
  const SyscallCounting counting = probe_syscall_counting();
  if (counting.method.empty()) return skip(into, "system calls", counting.why_not);
  for (const Kind kind : {Kind::connect, Kind::first_bytes, Kind::channel, Kind::awaited_channel})
    into["calls"].push_back(ask([&] { return count_calls(kind, near, attempts, counting.method); }));
}

}  // namespace

Json measure(const Site& site, const Sizes& sizes) {
  Json found{{"grpc", grpc_version()}, {"environment", describe_machine()}, {"skipped", Json::array()}};
  const Hosts hosts(site.lab);
  const Endpoint& near = hosts.near().endpoint();
  found["cpus"] = hosts.cpus();
  found["blocks"] = measure_rounds(hosts, sizes, site.lab != nullptr);
  found["held"] = Json::array();
  for (size_t round = 1; round <= sizes.rounds; ++round)
    for (const Kind kind : {Kind::connect, Kind::channel})
      found["held"].push_back(ask([&] { return hold(kind, near, sizes.held); }));
  found["calls"] = Json::array();
  measure_calls(found, near, sizes.one_by_one);
  found["watched"] = Json::array();
  if (site.lab == nullptr) skip(found, "hosts that are far away or dead", site.why_not);
  if (site.lab != nullptr && site.pcap >= 0) {
    site.lab->start_capture(site.pcap);
    found["watched"] = ask([&] { return watch(hosts, sizes.watched); });
    site.lab->finish_capture();
  }
  return found;
}

}  // namespace connbench::channels
