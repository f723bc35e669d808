#include "bench/exhaust_ramps.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/machine/machine.h"
#include "harness/process/descriptor_table.h"
#include "harness/programs/program.h"
#include "harness/run/plan.h"
#include "harness/support/seeded_order.h"
#include "harness/support/units.h"
#include "harness/wave/program_ramp.h"

namespace connbench {
namespace {

// Attempts whose deadline is further away are cancelled instead.
constexpr Duration longest_wait = std::chrono::seconds(5);

constexpr Duration longest_tidying = std::chrono::seconds(5);  // of the kernel, after a process has ended

// When threads are to run out, attempts that do not fit one descriptor table are spread over several.
size_t per_table(const ExhaustOptions& options) {
  const size_t descriptors = descriptor_limit().value - descriptors_of_the_harness;
  return options.resource == Resource::threads && options.pending > descriptors ? descriptors : SIZE_MAX;
}

// Why a program cannot make a ramp; "" when it can.
std::string why_program_skipped(const ExhaustOptions& options, const NamedConnector& connector) {
  const DescriptionAnswer& answer = connector.entry->program->answer();
  if (!answer.description) return answer.why_not;
  if (options.resource == Resource::memory)
    return "is a program, and runtimes reserve more address space than they use: a limit of it says nothing";
  if (!answer.description->open_loop) return "honours no schedule, which says when each attempt of a ramp is due";
  return why_program_cannot(*answer.description, connector.policy({})).value_or("");
}

std::string why_skipped(const ExhaustOptions& options, PlannedRamp& planned) {
  const ConnectorEntry& entry = *planned.connector->entry;
  if (entry.program != nullptr)
    if (std::string why = why_program_skipped(options, *planned.connector); !why.empty()) return why;
  if (options.resource == Resource::ports && options.family == Family::unix_domain) return "UNIX sockets have no ports";
  if (!entry.serves(options.family))
    return fmt::format("{} has no way to connect on family {}", entry.name, to_string(options.family));
  const CapabilitiesAnswer answer = ask_capabilities(*planned.connector);
  if (!answer.capabilities) return fmt::format("cannot be made: {}", answer.why_not);
  planned.capabilities = *answer.capabilities;
  if (!planned.capabilities.opens_sockets) return "opens no sockets, and exhausts nothing";
  if (planned.capabilities.completes_in_submit) return "makes one attempt at a time: nothing piles up";
  // One more than the dead attempts, for a healthy one beside them. A connector's own limit is one the ramp runs into.
  planned.capacity = std::min(options.pending, per_table(options)) + 1;
  if (planned.capabilities.max_in_flight != 0)
    planned.capacity = std::min(planned.capacity, planned.capabilities.max_in_flight);
  // A table made beforehand (io_uring's direct descriptors) cannot be longer than the limit of descriptors.
  if (options.resource == Resource::fds && planned.capabilities.threads == Capabilities::Threads::none)
    planned.capacity = std::min<size_t>(planned.capacity, options.limit);
  if (entry.program != nullptr) return "";
  Retirement retirement({}, 0);
  return entry.probe({planned.connector->options, planned.capacity, retirement, options.family}).value_or("");
}

// A guess for the progress: healthy connects before and beside the dead attempts, starting those, and the longest wait
// for their deadlines.
Duration expected_time(const ExhaustOptions& options) {
  constexpr Duration healthy = std::chrono::microseconds(60);
  constexpr Duration start = std::chrono::microseconds(30);
  return 2 * healthy * static_cast<int64_t>(options.healthy) + start * static_cast<int64_t>(options.pending) +
         (options.timeout <= longest_wait ? options.timeout : Duration{});
}

}  // namespace

std::string Environment::describe(Family family) const {
  const std::string where = lab != nullptr ? "blackhole, in the lab" : "backlog-full, on loopback";
  const char* network = family == Family::unix_domain ? "UNIX" : family == Family::ipv6 ? "IPv6" : "IPv4";
  return fmt::format("{} ({}){}", where, network,
                     why_no_lab.empty() ? "" : fmt::format("; there is no lab: {}", why_no_lab));
}

std::vector<PlannedRamp> plan_ramps(const ExhaustOptions& options) {
  std::vector<PlannedRamp> ramps;
  for (const NamedConnector& connector : options.connectors) {
    PlannedRamp& planned = ramps.emplace_back(PlannedRamp{.connector = &connector});
    planned.skipped = why_skipped(options, planned);
  }
  return ramps;
}

Ramps::Ramps(const ExhaustOptions& options, ResourceLimit& limit, const Environment& environment,
             ExhaustionRecorder& recorder, StopSignal& stop)
    : options_(options),
      limit_(limit),
      environment_(environment),
      recorder_(recorder),
      watch_(stop, recorder, options.progress) {
  const size_t at_once = options.resource == Resource::ports ? 1 : options.pending;  // one host's ports run out
  dead_ = open(environment.dead_target(), at_once);
  healthy_ = open("accepting", 1);
  if (environment.lab != nullptr)
    for (const auto& [pid, name] : environment.lab->watched()) watch_.watch(pid, name);
  limit.prepare();
  sockets_of_our_own_ = tcp_sockets_in_use();
}

void Ramps::run(const std::vector<PlannedRamp>& ramps) {
  for (const PlannedRamp& planned : ramps)
    if (planned.skipped.empty())
      recorder_.connector(*planned.connector, planned.capabilities);
    else
      skip(planned);
  const auto run = std::ranges::count(ramps, "", &PlannedRamp::skipped);
  watch_.expect(static_cast<size_t>(run) * options_.repetitions, expected_time(options_));
  for (unsigned repetition = 1; repetition <= options_.repetitions; ++repetition)
    for (const size_t which : seeded_order(ramps.size(), options_.seed + repetition))
      if (ramps[which].skipped.empty() && !watch_.should_stop()) one(ramps[which], repetition);
  watch_.clear();
  const Interference seen = interference_.seen();
  unfit_ = why_unfit(seen);
  recorder_.fitness(seen, unfit_);
  std::ranges::stable_sort(verdicts_, {}, [&](const Verdict& verdict) {
    return std::ranges::find(options_.connectors, verdict.name.connector, &NamedConnector::name);
  });
}

void Ramps::warn(std::string warning) {
  recorder_.warn(warning);
  warnings_.push_back(std::move(warning));
}

std::unique_ptr<Target> Ramps::open(std::string_view name, size_t at_once) {
  auto target = find_target(name).open({.family = options_.family, .open_at_once = at_once, .lab = environment_.lab});
  watch_.watch(target->server(), fmt::format("the server of {}", name));
  return target;
}

std::string Ramps::died() {
  std::string text = watch_.died();
  for (const auto& [name, target] : {std::pair(environment_.dead_target(), dead_.get()), {"accepting", healthy_.get()}})
    if (const std::string why = target->why_server_failed(); !why.empty()) text += fmt::format(" ({}: {})", name, why);
  return text;
}

RampName Ramps::name_of(const PlannedRamp& planned, unsigned repetition) const {
  return {.connector = planned.connector->name,
          .resource = std::string(to_string(options_.resource)),
          .limit_kind = std::string(limit_.kind()),
          .limit = limit_.value(),
          .repetition = repetition};
}

Case Ramps::case_of(const RampName& name) const {
  return {.scenario = fmt::format("exhaust:{}", name.resource),
          .connector = name.connector,
          .target = std::string(environment_.dead_target()),
          .family = options_.family,
          .concurrency = options_.pending,
          .shards = 1,
          .attempts = options_.pending,
          .timeout = options_.timeout};
}

void Ramps::skip(const PlannedRamp& planned) {
  Verdict& verdict = verdicts_.emplace_back();
  verdict.name = name_of(planned, 0);
  recorder_.skip(case_of(verdict.name), planned.skipped);
  verdict.skipped = planned.skipped;
}

RampPlan Ramps::plan_for(const Capabilities& capabilities) const {
  const Duration lasts = std::max(options_.timeout, capabilities.floor) + capabilities.granularity;
  return {.make = nullptr,
          .dead = dead_->endpoints(),
          .healthy = healthy_->endpoints(),
          .most = options_.pending,
          .per_table = per_table(options_),
          .step = options_.step,
          .healthy_attempts = options_.healthy,
          .timeout = options_.timeout,
          .lasts = capabilities.has_deadline() ? lasts : Duration{},
          // Attempts in other tables are not asked whether their deadline has passed.
          .by_deadline = capabilities.has_deadline() && lasts <= longest_wait && per_table(options_) == SIZE_MAX,
          .measure = nullptr,
          .on_step = nullptr};
}

// The kernel takes a ring apart some time after its process has ended. Until then its sockets hold ports and memory,
// which the next ramp would lack. Outside the lab other programs' sockets are counted too, so the count says nothing.
void Ramps::wait_for_the_sockets_of_others(std::string_view connector) {
  if (environment_.lab == nullptr) return;
  const TimePoint end = now() + longest_tidying;
  while (tcp_sockets_in_use() > sockets_of_our_own_ && now() < end && !watch_.should_stop())
    sleep_until(now() + std::chrono::milliseconds(1));
  if (const int64_t left = tcp_sockets_in_use() - sockets_of_our_own_; left > 0 && !watch_.should_stop())
    warn(fmt::format("{}: {} sockets of the previous ramp were still open when its own began", connector, left));
}

void Ramps::one(const PlannedRamp& planned, unsigned repetition) {
  const RampName name = name_of(planned, repetition);
  wait_for_the_sockets_of_others(name.connector);
  watch_.begin(name);
  interference_.look();
  watch_.take_suspension();  // what was before this ramp is not its concern
  const bool drops = environment_.lab != nullptr && environment_.lab->rights() == lab::Rights::user_space;
  conclude(name, run_ramp({.connector = planned.connector,
                           .capacity = planned.capacity,
                           .policy = {},
                           .limit = &limit_,
                           .elsewhere = elsewhere(*planned.connector),
                           .drop_capabilities = drops,
                           .plan = plan_for(planned.capabilities)},
                          watch_));
}

// A program makes its attempts itself; a linked connector makes them in the ramp's child.
std::function<void(const RampPlan&, RampEnd&)> Ramps::elsewhere(const NamedConnector& connector) const {
  if (connector.entry->program == nullptr) return nullptr;
  return [&](const RampPlan& plan, RampEnd& end) {
    run_program_ramp({.connector = connector, .family = options_.family, .limit = limit_}, plan, end);
  };
}

void Ramps::conclude(const RampName& name, RampResult result) {
  if (const Suspension seen = watch_.take_suspension()) {
    recorder_.suspended(seen, name);
    warn(fmt::format("{}: the run was suspended for {} during this ramp, so its times mean nothing. Repeat the run.",
                     name.connector, human_readable(seen.stopped + seen.asleep)));
  }
  if (result.last) recorder_.end(name, *result.last, result.end);
  if (!result.failure.empty()) recorder_.fail(case_of(name), name.repetition, result.failure);
  if (result.end.ended_otherwise > 0)
    warn(fmt::format("{}: {} attempts that should never have been answered ended by themselves (the first: {})",
                     name.connector, result.end.ended_otherwise, to_string(result.end.otherwise)));
  else if (result.last && result.end.stopped == Stopped::nothing && result.end.most_pending < options_.pending)
    warn(fmt::format(
        "{}: at most {} were pending at a time, because deadlines passed while others were started. For more, give a "
        "longer --timeout.",
        name.connector, result.end.most_pending));
  Verdict& verdict = verdicts_.emplace_back();
  verdict.name = name;
  verdict.first = watch_.first() ? watch_.first() : result.last;
  // Not by watch_.signal(), which takes the signal: should_stop() would then be false, and the next ramp would begin.
  verdict.interrupted = !result.failure.empty() && watch_.should_stop() && watch_.died().empty();
  verdict.result = std::move(result);
}

}  // namespace connbench
