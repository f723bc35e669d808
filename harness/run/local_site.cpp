#include "harness/run/local_site.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "harness/run/destinations.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/proc_file.h"
#include "harness/targets/external.h"
#include "harness/targets/served_elsewhere.h"

namespace connbench {
namespace {

// Counting with strace stops the process at every system call, so a counting wave may take much longer. If nothing but
// its limit ends a wave, however, a longer limit would only make the run wait.
Duration counting_limit(const PlannedCase& planned) {
  constexpr int slower = 20;
  const bool ends_by_itself = planned.answers() || planned.capabilities.has_deadline();
  return ends_by_itself ? planned.limit * slower : planned.limit;
}

size_t most_time_waits() {
  return static_cast<size_t>(std::max<int64_t>(0, leading_number(sysctl("net.ipv4.tcp_max_tw_buckets").value_or(""))));
}

// A host with several addresses is one destination.
size_t hosts_of(const Target& target) {
  return target.endpoints().size() / target.endpoints_per_attempt();
}

}  // namespace

LocalSite::LocalSite(const RunRequest& request, const Plan& plan, const Placement& placement, StopSignal& stop,
                     SessionObserver& observer)
    : request_(request), plan_(plan), placement_(placement), stop_(stop), observer_(observer), watch_(stop) {
  if (request.lab == nullptr) return;
  for (const auto& [pid, name] : request.lab->watched()) watch_.watch(pid, name);
}

const Target& LocalSite::open(const NamedTarget& named, const TargetRequest& request) {
  auto& target = open_[{named.name, request.family}];
  if (target) return *target;
  target = request_.served != nullptr ? request_.served->open(named, request.family) : named.open(request);
  if (target->server() != 0)
    watch_.watch(target->server(), fmt::format("the server of {} ({})", named.name, to_string(request.family)));
  return *target;
}

size_t LocalSite::open(const PlannedCase& planned) {
  const TargetRequest wanted{.family = planned.what.family,
                             .open_at_once = most_ports_held(request_, plan_, most_time_waits()),
                             .addresses = request_.addresses,
                             .cpus = placement_.server,
                             .spin = request_.spin_server,
                             .lab = request_.lab};
  size_t destinations = 0;
  for (const NamedTarget* target : planned.targets()) destinations += hosts_of(open(*target, wanted));
  if (!planned.target->entry->answers) open(find_target("accepting"), wanted);
  return destinations;
}

SyscallCounting LocalSite::counting() {
  return probe_syscall_counting(drops_capabilities());
}

WaveResult LocalSite::wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition,
                           std::string_view counting) {
  const Target& target = get(planned.target->name, planned.what.family);
  const auto assignment = planned.assignment(request_.seed, repetition);
  const auto all_routes = assignment ? this->routes(planned, *assignment) : std::vector<std::span<const Endpoint>>();
  const Case what = part_of(planned.what, share_);
  const std::vector<Endpoint> endpoints = part_of(target.endpoints(), target.endpoints_per_attempt(), share_);
  const std::vector<std::span<const Endpoint>> routes = part_of(all_routes, share_);
  const auto pacing = [&] {
    return part_of(find_scenario(planned.load).entry->pacing(planned.load, request_.seed + repetition), share_);
  };
  const bool outside = planned.target->entry == &external_target;
  WaveResult result =
      run_wave({.what = &what,
                .connector = planned.connector,
                .load = {.endpoints = endpoints,
                         .endpoints_per_attempt = target.endpoints_per_attempt(),
                         .routes = routes,
                         .limit = counting.empty() ? planned.limit : counting_limit(planned),
                         .gap = outside ? request_.external_gap * static_cast<int64_t>(share_.of) : Duration{},
                         .lasts = planned.lasts,
                         .spin = request_.spin},
                .warm_up = warm_up_target(planned).endpoints(),
                .server = server_of(planned),
                .policy = planned.policy,
                .pacing = pacing,
                .agreed_begin = request_.agreed_begin,
                .drop_capabilities = drops_capabilities(),
                .cpus = placement_.client,
                .syscall_method = counting},
               samples, *this);
  result.repetition = repetition;
  return result;
}

// The attempts to each target take its addresses in turn, as without a fleet.
std::vector<std::span<const Endpoint>> LocalSite::routes(const PlannedCase& planned,
                                                         const Assignment& assignment) const {
  struct Turn {
    const Target* target;
    size_t next;
  };
  std::vector<Turn> turns;
  for (const std::string& name : assignment.targets) turns.push_back({&get(name, planned.what.family), 0});
  std::vector<std::span<const Endpoint>> routes;
  routes.reserve(assignment.of.size());
  for (const uint8_t of : assignment.of) {
    auto& [target, next] = turns[of];
    const size_t each = target->endpoints_per_attempt();
    routes.push_back(target->endpoints().subspan(next, each));
    next = (next + each) % target->endpoints().size();
  }
  return routes;
}

// The server whose CPU time counts. Of a fleet, that of the only target that can connect; if several can, no server's
// time is the whole, so there is none. That of a server that never sleeps says nothing about the load.
pid_t LocalSite::server_of(const PlannedCase& planned) const {
  if (request_.spin_server) return 0;
  pid_t server = 0;
  size_t serving = 0;
  for (const NamedTarget* target : planned.targets()) {
    if (planned.mix != nullptr && !can_connect(*target, planned.what.family)) continue;
    server = get(target->name, planned.what.family).server();
    if (server != 0) ++serving;
  }
  return serving == 1 ? server : 0;
}

const Target& LocalSite::warm_up_target(const PlannedCase& planned) const {
  const bool answers = planned.target->entry->answers;
  return get(answers ? planned.target->name : "accepting", planned.what.family);
}

// The capabilities that a user namespace gives are for building the lab, not for connecting.
bool LocalSite::drops_capabilities() const {
  return request_.lab != nullptr && request_.lab->rights() == lab::Rights::user_space;
}

Duration LocalSite::suspended() {
  suspensions_.look();
  return suspensions_.stopped();
}

// Nothing of ours runs now, except servers that never sleep: whatever else is ready to run belongs to others.
void LocalSite::look_at_others() {
  const auto serving = std::ranges::count_if(
      open_, [](const auto& named) { return named.second != nullptr && named.second->server() != 0; });
  interference_.look(request_.spin_server ? static_cast<size_t>(serving) : 0);
}

MachineFitness LocalSite::fitness() {
  const Interference seen = interference_.seen();
  return {seen, why_unfit(seen)};
}

SessionEnd LocalSite::state() {
  if (stop_.pending() != 0) return SessionEnd::interrupted;
  return should_stop() ? SessionEnd::broke : SessionEnd::complete;
}

// With the reasons that the servers gave.
std::string LocalSite::died() {
  std::string text = watch_.died();
  for (const auto& [name, target] : open_)
    if (const std::string why = target ? target->why_server_failed() : ""; !why.empty())
      text += fmt::format(" ({}: {})", name.first, why);
  return text;
}

}  // namespace connbench
