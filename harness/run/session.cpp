#include "harness/run/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "harness/process/process_watch.h"
#include "harness/process/suspension_watch.h"
#include "harness/run/destinations.h"
#include "harness/run/phase_lock.h"
#include "harness/run/steadiness.h"
#include "harness/run/warnings.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/proc_file.h"
#include "harness/targets/external.h"

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

}  // namespace

// Opens the targets and watches their servers.
class Session::Servers final : public WaveParent {
 public:
  Servers(StopSignal& stop, const lab::Lab* lab, SessionObserver& observer)
      : stop_(stop), observer_(observer), watch_(stop) {
    if (lab == nullptr) return;
    for (const auto& [pid, name] : lab->watched()) watch_.watch(pid, name);
  }

  const Target& open(const NamedTarget& named, const TargetRequest& request) {
    auto& target = open_[{named.name, request.family}];
    if (target) return *target;
    target = named.open(request);
    if (target->server() != 0)
      watch_.watch(target->server(), fmt::format("the server of {} ({})", named.name, to_string(request.family)));
    return *target;
  }

  const Target& get(const std::string& name, Family family) const { return *open_.at({name, family}); }

  bool should_stop() override { return watch_.should_stop(); }
  bool wants_progress() const override { return observer_.wants_progress(); }
  void on_progress(const WaveProgress& progress) override { observer_.on_progress(progress); }
  Duration suspended() override {
    suspensions_.look();
    return suspensions_.stopped();
  }
  /// What was seen since the last call.
  Suspension take_suspension() { return suspensions_.take(); }

  SessionEnd state() {
    if (stop_.pending() != 0) return SessionEnd::interrupted;
    return should_stop() ? SessionEnd::broke : SessionEnd::complete;
  }

  size_t serving() const {
    return static_cast<size_t>(
        std::ranges::count_if(open_, [](const auto& named) { return named.second && named.second->server() != 0; }));
  }

  // With the reasons that the servers gave.
  std::string died() {
    std::string text = watch_.died();
    for (const auto& [name, target] : open_)
      if (const std::string why = target ? target->why_server_failed() : ""; !why.empty())
        text += fmt::format(" ({}: {})", name.first, why);
    return text;
  }

 private:
  StopSignal& stop_;
  SessionObserver& observer_;
  std::map<std::pair<std::string, Family>, std::unique_ptr<Target>> open_;
  ProcessWatch watch_;
  SuspensionWatch suspensions_;
};

Session::Session(const RunRequest& request, const Plan& plan, const Placement& placement, Recorder& recorder,
                 StopSignal& stop, SessionObserver& observer)
    : request_(request),
      plan_(plan),
      placement_(placement),
      recorder_(recorder),
      observer_(observer),
      servers_(std::make_unique<Servers>(stop, request.lab, observer)) {
  if (request.find_rate) return;
  for (const PlannedCase& planned : plan.cases) results_.push_back({&planned, {}, {}});
}

Session::~Session() = default;

SessionEnd Session::run() {
  record_connectors();
  record_hosts();
  for (const SkippedCase& skipped : plan_.skipped) recorder_.skip(skipped.what, skipped.reason);
  const NamedTarget accepting = find_target("accepting");
  const size_t most = most_ports_held(request_, plan_, most_time_waits());
  for (const PlannedCase& planned : plan_.cases) {
    const TargetRequest wanted{.family = planned.what.family,
                               .open_at_once = most,
                               .addresses = request_.addresses,
                               .cpus = placement_.server,
                               .spin = request_.spin_server,
                               .lab = request_.lab};
    size_t destinations = 0;
    for (const NamedTarget* target : planned.targets())
      destinations += servers_->open(*target, wanted).endpoints().size();
    if (!planned.target->entry->answers) servers_->open(accepting, wanted);
    for (std::string& warning : port_warnings(request_, planned, destinations)) warn(std::move(warning));
  }
  for (std::string& warning : phase_warnings(request_, plan_.cases)) warn(std::move(warning));
  SessionEnd end = request_.count_syscalls ? count_syscalls() : SessionEnd::complete;
  counted_ = end == SessionEnd::complete;
  if (counted_) end = request_.find_rate ? find_rates() : timed_waves();
  warn_about_cases();
  judge_machine();
  return end;
}

void Session::record_connectors() {
  std::set<std::string_view> recorded;  // each connector once, in the order in which they were selected
  for (const PlannedCase& planned : plan_.cases)
    if (recorded.insert(planned.what.connector).second) recorder_.connector(*planned.connector, planned.capabilities);
}

// Of hosts outside: which address stands behind the name. Another run may find another one.
void Session::record_hosts() {
  for (const NamedTarget& target : request_.targets)
    for (const HostAddress& address : target.addresses) {
      recorder_.host(target.name, address.endpoint, address.others);
      if (address.others > 0)
        warn(
            fmt::format("{} has {} addresses of family {}, which may be different hosts. All attempts went to the "
                        "first, {}; give another one as the target to measure it.",
                        target.name, address.others + 1, to_string(address.family), address.endpoint.to_string()));
    }
}

SessionEnd Session::count_syscalls() {
  counting_ = probe_syscall_counting(drops_capabilities());
  if (counting_.method.empty()) {
    warn("system calls are not counted: " + counting_.why_not);
    return SessionEnd::complete;
  }
  for (const PlannedCase& planned : plan_.cases) {
    if (const SessionEnd end = state(); end != SessionEnd::complete) return end;
    observer_.on_wave(planned, 0, WavePurpose::counting_syscalls, waves_done_, plan_.cases.size() + plan_.waves.size());
    SampleBuffer discarded(planned.what.attempts);
    const WaveResult result = wave(planned, discarded, 0, counting_.method);
    ++waves_done_;
    if (state() != SessionEnd::complete) continue;  // the failure of a wave that was cut short is not worth a warning
    if (result.failure.empty())
      recorder_.count(result, counting_.method);
    else
      warn(fmt::format("{}: system calls are not counted, because the counting wave failed: {}",
                       planned.what.describe(), result.failure));
  }
  return state();
}

SessionEnd Session::timed_waves() {
  const unsigned before = waves_done_;
  for (const PlannedWave& next : plan_.waves) {
    if (const SessionEnd end = state(); end != SessionEnd::complete) return end;
    const PlannedCase& planned = plan_.cases[next.which];
    observer_.on_wave(planned, next.repetition, WavePurpose::timing, waves_done_, before + plan_.waves.size());
    begin_timed_wave();
    SampleBuffer samples(planned.what.attempts);
    WaveResult result = wave(planned, samples, next.repetition, "");
    const SessionEnd so_far = state();
    if (so_far != SessionEnd::complete && result.failure.empty())  // this wave was not measured in full
      result.failure =
          so_far == SessionEnd::broke ? fmt::format("cut short: {} died", died()) : "cut short by a signal";
    result.wave = ++waves_done_ - before;
    note_suspension(&result);
    if (!result.failure.empty() && so_far == SessionEnd::complete)
      results_[next.which].failures.push_back(result.failure);
    const auto assignment = planned.assignment(request_.seed, next.repetition);
    SummaryRow row = recorder_.add(result, samples.samples(), assignment ? &*assignment : nullptr,
                                   [this] { return state() == SessionEnd::interrupted; });
    // Recorded, but no result: its outcomes come from the end of the run.
    if (so_far == SessionEnd::complete) results_[next.which].rows.push_back(std::move(row));
  }
  return state();
}

WaveResult Session::wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition,
                         std::string_view counting) {
  const Target& target = servers_->get(planned.target->name, planned.what.family);
  const auto pacing = [&] {
    return find_scenario(planned.load).entry->pacing(planned.load, request_.seed + repetition);
  };
  const auto assignment = planned.assignment(request_.seed, repetition);
  const auto routes = assignment ? this->routes(planned, *assignment) : std::vector<std::span<const Endpoint>>();
  WaveResult result =
      run_wave({.what = &planned.what,
                .connector = planned.connector,
                .load = {.endpoints = target.endpoints(),
                         .endpoints_per_attempt = target.endpoints_per_attempt(),
                         .routes = routes,
                         .limit = counting.empty() ? planned.limit : counting_limit(planned),
                         .gap = planned.target->entry == &external_target ? request_.external_gap : Duration{},
                         .lasts = planned.lasts,
                         .spin = request_.spin},
                .warm_up = warm_up_target(planned).endpoints(),
                .server = server_of(planned),
                .policy = planned.policy,
                .pacing = pacing,
                .drop_capabilities = drops_capabilities(),
                .cpus = placement_.client,
                .syscall_method = counting},
               samples, *servers_);
  result.repetition = repetition;
  return result;
}

// The attempts to each target take its addresses in turn, as without a fleet.
std::vector<std::span<const Endpoint>> Session::routes(const PlannedCase& planned, const Assignment& assignment) const {
  struct Turn {
    const Target* target;
    size_t next;
  };
  std::vector<Turn> turns;
  for (const std::string& name : assignment.targets) turns.push_back({&servers_->get(name, planned.what.family), 0});
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
pid_t Session::server_of(const PlannedCase& planned) const {
  if (request_.spin_server) return 0;
  pid_t server = 0;
  size_t serving = 0;
  for (const NamedTarget* target : planned.targets()) {
    if (planned.mix != nullptr && !can_connect(*target, planned.what.family)) continue;
    server = servers_->get(target->name, planned.what.family).server();
    if (server != 0) ++serving;
  }
  return serving == 1 ? server : 0;
}

const Target& Session::warm_up_target(const PlannedCase& planned) const {
  const bool answers = planned.target->entry->answers;
  return servers_->get(answers ? planned.target->name : "accepting", planned.what.family);
}

// The capabilities that a user namespace gives are for building the lab, not for connecting.
bool Session::drops_capabilities() const {
  return request_.lab != nullptr && request_.lab->rights() == lab::Rights::user_space;
}

SessionEnd Session::state() {
  return servers_->state();
}

std::string Session::died() const {
  return servers_->died();
}

void Session::note_suspension(const WaveResult* wave) {
  const Suspension seen = servers_->take_suspension();
  if (!seen) return;
  recorder_.suspended(seen, wave);
  warn(suspension_warning(seen, wave));
}

// Nothing of ours runs now, except servers that never sleep: whatever else is ready to run belongs to others.
void Session::begin_timed_wave() {
  note_suspension(nullptr);
  interference_.look(request_.spin_server ? servers_->serving() : 0);
}

void Session::judge_machine() {
  const Interference seen = interference_.seen();
  unfit_ = why_unfit(seen);
  if (std::string text = unsteady_cases(results_, offered_rate(request_.arrival).has_value()); !text.empty())
    unfit_.push_back(std::move(text));
  recorder_.fitness(seen, unfit_);
}

void Session::warn(std::string warning) {
  recorder_.warn(warning);
  warnings_.push_back(std::move(warning));
}

void Session::warn_about_cases() {
  std::vector<std::pair<const PlannedCase*, int64_t>> overflows;
  for (const CaseResult& result : results_) {
    std::vector<const SummaryRow*> rows;  // the outcomes of a wave that failed come from its failure
    for (const SummaryRow& row : result.rows)
      if (!row.failed) rows.push_back(&row);
    overflows.emplace_back(result.planned, listen_overflows(*result.planned, rows));
    for (std::string& warning : case_warnings(*result.planned, rows)) warn(std::move(warning));
    if (!result.failures.empty())
      warn(fmt::format("{}: {} of {} waves failed, the first with: {}. See \"failures\" in run.json.",
                       result.planned->what.describe(), result.failures.size(), result.rows.size(),
                       result.failures.front()));
  }
  if (std::string warning = overflow_warning(overflows); !warning.empty()) warn(std::move(warning));
}

}  // namespace connbench
