#include "harness/run/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "harness/connector/address_list.h"
#include "harness/lab/lab.h"
#include "harness/machine/kernel_timeout.h"
#include "harness/process/ask_in_child.h"
#include "harness/programs/program.h"
#include "harness/run/openable.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/saturating.h"
#include "harness/support/seeded_order.h"
#include "harness/support/units.h"
#include "harness/wave/division.h"

namespace connbench {
namespace {

size_t rounds(size_t attempts, size_t concurrency) {
  return (attempts + concurrency - 1) / concurrency;
}

size_t most_in_a_shard(const Case& what) {
  return Division{what.attempts, what.parts()}.largest_share(what.concurrency);
}

// How many attempts of a wave connect to targets that may never answer.
size_t silent_attempts(const PlannedCase& planned) {
  if (planned.mix == nullptr) return planned.answers() ? 0 : planned.what.attempts;
  const std::vector<size_t> counts = shares(*planned.mix, planned.what.attempts);
  size_t silent = 0;
  for (size_t i = 0; i < counts.size(); ++i)
    if (!planned.mix->parts[i].target.entry->answers) silent += counts[i];
  return silent;
}

const std::string& silent_target(const PlannedCase& planned) {
  for (const NamedTarget* target : planned.targets())
    if (!target->entry->answers) return target->name;
  return planned.target->name;
}

std::optional<std::string> why_no_end(const PlannedCase& planned) {
  const Capabilities& capabilities = planned.capabilities;
  if (!capabilities.opens_sockets || planned.answers() || capabilities.has_deadline() || capabilities.cancellable)
    return std::nullopt;
  const auto kernel = planned.what.family == Family::unix_domain ? std::nullopt : kernel_connect_timeout();
  const auto needed = kernel ? saturating_product(*kernel, silent_attempts(planned)) : Duration::max();
  if (kernel && needed <= planned.limit) return std::nullopt;
  const std::string end =
      kernel ? fmt::format("gives up each attempt only after {}", human_readable(*kernel)) : "never gives up";
  const std::string remedy =
      needed <= up_to_a_day.most ? fmt::format("; --wave-limit {} waits for that", format_duration(needed)) : "";
  return fmt::format("has no deadline and cannot be cancelled; if {} does not answer, the kernel {}{}",
                     silent_target(planned), end, remedy);
}

// Capabilities come from a child as bytes. They are read there because some libraries leave things behind in the
// process that uses them first (libuv: a pipe, and a handler that renews it after fork()). The waves of all other
// connectors would inherit them.
static_assert(std::is_trivially_copyable_v<Capabilities>);
std::string as_bytes(const Capabilities& capabilities) {
  return {reinterpret_cast<const char*>(&capabilities), sizeof capabilities};
}
Capabilities from_bytes(const std::string& bytes) {
  Capabilities capabilities;
  std::memcpy(&capabilities, bytes.data(), std::min(bytes.size(), sizeof capabilities));
  return capabilities;
}

// What a case connects to must open. Where nobody answers, connectors warm up at `accepting`.
std::optional<std::string> why_not_openable(Openable& openable, const PlannedCase& planned) {
  for (const NamedTarget* target : planned.targets())
    if (auto reason = openable.why_not(*target, planned.what.family)) return reason;
  return planned.target->entry->answers ? std::nullopt
                                        : openable.why_not(find_target("accepting"), planned.what.family);
}

// Some containers refuse clone3() in a way that the C library does not expect, and then no thread can be made.
std::string try_a_thread() {
  try {
    std::thread([] {}).join();
    return "";
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "pthread_create");
  }
}

// Why a program cannot serve a case. One that gives no description is not skipped: its waves fail, and say why.
std::optional<std::string> why_program_skipped(const RunRequest& request, PlannedCase& planned) {
  constexpr size_t most_attempts = 1'000'000;
  const ConnectorProgram& program = *planned.connector->entry->program;
  if (program.is_absent()) return program.answer().why_not;
  if (!program.answer().description) return std::nullopt;
  const ProgramDescription& description = program.description();
  planned.capabilities = description.capabilities;
  if (request.agreed_begin)
    return "a program does not begin at an instant on which hosts agree: leave it out, or measure with --each-host";
  if (planned.what.shards > 1) return "a program is not divided into shards: leave --shards out";
  if (planned.what.attempts > most_attempts)
    return fmt::format("a program makes at most {} attempts per wave: lower --attempts", most_attempts);
  const size_t most = description.capabilities.max_in_flight;
  if (most > 0 && planned.what.concurrency > most)
    return fmt::format("it declares at most {} in flight: lower --concurrency", most);
  if (planned.lasts > Duration::zero()) return "a program is told how many attempts to make: give --attempts";
  const bool open_loop = offered_rate(planned.load).has_value();
  if (open_loop && !description.open_loop) return "it declares that it honours no schedule (open_loop)";
  if (!open_loop && request.external_gap > Duration::zero() && !description.gap)
    return "it declares that it keeps no gap between two attempts (gap), to which a host outside is entitled: give "
           "--arrival uniform:RATE";
  return why_program_cannot(description, planned.connector->policy(planned.policy));
}

// A packet with a source on loopback cannot leave it, and connect() says no more than EINVAL.
std::optional<std::string> why_no_source(const RunRequest& request, const PlannedCase& planned) {
  const Options& options = planned.connector->options;
  if (!options.knows("source-address") || !options.given("source-address")) return std::nullopt;
  for (const NamedTarget* target : planned.targets()) {
    const bool here = !target->needs_lab() && target->addresses.empty() && request.served == nullptr;
    if (here) continue;
    for (const Endpoint& address : options.addresses("source-address"))
      if (address.to_string().starts_with("127."))
        return fmt::format("its source address {} is on loopback, and {} is not{}", address_text(address), target->name,
                           target->needs_lab() ? ": in the lab take 198.18.4.1..198.18.4.250" : "");
  }
  return std::nullopt;
}

// Why a case cannot run here; nullopt when it can, and then its capabilities are filled in.
std::optional<std::string> why_skipped(const RunRequest& request, Openable& openable, PlannedCase& planned) {
  if (auto reason = why_not_openable(openable, planned)) return reason;
  if (const ConnectorProgram* program = planned.connector->entry->program)
    program->answer();  // its families are known then
  if (!planned.connector->entry->serves(planned.what.family))
    return fmt::format("{} cannot connect over family {}", planned.connector->entry->name,
                       to_string(planned.what.family));
  if (planned.connector->entry->program != nullptr) {
    auto reason = why_program_skipped(request, planned);
    return reason ? reason : why_no_end(planned);
  }
  if (planned.connector->entry->one_per_process && planned.what.shards > 1)
    return "its library has one state per process, which is not divided into shards: leave --shards out";
  if (auto reason = why_no_source(request, planned)) return reason;
  const ConnectionPolicy policy = planned.connector->policy(planned.policy);
  Retirement retirement(policy, 0);
  const ConnectorSettings settings{planned.connector->options, most_in_a_shard(planned.what), retirement,
                                   planned.what.family};
  if (auto reason = planned.connector->entry->probe(settings)) return reason;
  const CapabilitiesAnswer answer = ask_capabilities(*planned.connector, policy);
  if (!answer.capabilities) return fmt::format("cannot be made: {}", answer.why_not);
  planned.capabilities = *answer.capabilities;
  if (planned.what.shards > 1)
    if (const ChildAnswer threads = ask_in_child(try_a_thread); !threads.ok) return "no shards: " + threads.text;
  return why_no_end(planned);
}

// As default_wave_limit(), adjusted to the connector: a pool has only as many attempts under way as it has threads, and
// a timeout below the connector's floor, or between its steps, lasts longer.
Duration wave_limit_for(const PlannedCase& planned) {
  const Case& what = planned.what;
  const Capabilities& capabilities = planned.capabilities;
  const size_t left = planned.lasts > Duration::zero() ? what.concurrency : what.attempts;
  const size_t at_once = capabilities.pool_threads > 0
                             ? std::min(what.concurrency, capabilities.pool_threads * what.parts())
                             : what.concurrency;
  const bool coarse = capabilities.floor > Duration::zero();
  const Duration each = coarse ? std::max(what.timeout, capabilities.floor) + capabilities.granularity : what.timeout;
  return default_wave_limit(left, at_once, each);
}

// A guess: 50 µs per attempt of a machine when hosts answer; whole timeouts when they do not; the wave's limit without
// a deadline.
Duration expected_time(const PlannedCase& planned) {
  constexpr Duration around_a_wave = std::chrono::milliseconds(30);
  constexpr Duration per_attempt = std::chrono::microseconds(50);
  const Case& what = planned.what;
  if (planned.lasts > Duration::zero()) return around_a_wave + (planned.answers() ? Duration{} : what.timeout);
  const auto busy = per_attempt * static_cast<int64_t>(what.attempts / what.hosts);
  if (planned.answers() || !planned.capabilities.opens_sockets) return around_a_wave + busy;
  const auto waits = static_cast<int64_t>(std::max<size_t>(1, rounds(silent_attempts(planned), what.concurrency)));
  const bool ends_by_itself = planned.capabilities.has_deadline() && what.timeout < planned.limit / waits;
  return around_a_wave + busy + (ends_by_itself ? what.timeout * waits : planned.limit);
}

// What a wave connects to: one target, or several in one queue.
struct Load {
  const NamedTarget* target;
  const Mix* mix;
  std::string name;     // in the records
  std::string text;     // for find_scenario()
  std::string arrival;  // without the mix
};

std::vector<Load> loads(const RunRequest& request) {
  std::vector<Load> all;
  for (const std::string& arrival : arrivals_of(request)) {
    for (const NamedTarget& target : request.targets) all.push_back({&target, nullptr, target.name, arrival, arrival});
    for (const Mix& mix : request.mixes)
      all.push_back({&mix.parts.front().target, &mix, std::string(every_target), fleet_load(mix, arrival), arrival});
  }
  return all;
}

bool lasts_a_given_time(const RunRequest& request, const std::string& arrival) {
  return request.duration && !offered_rate(arrival);
}

// How long the attempts of a wave take to arrive: in a closed loop, no longer than they wait for room in flight, except
// at a host outside, where each keeps its distance from the one before.
Duration arrivals_last(const RunRequest& request, const std::string& arrival) {
  if (lasts_a_given_time(request, arrival)) return *request.duration;
  const size_t attempts = attempts_of(request, arrival);
  return std::max(last_due(arrival, request.seed + 1, attempts), saturating_product(request.external_gap, attempts));
}

bool needs_lab(const PlannedCase& planned) {
  return std::ranges::any_of(planned.targets(), [](const NamedTarget* target) { return target->needs_lab(); });
}

// Calls `visit` for every combination that was asked for, including those that will be skipped.
template <class Visit>
void for_each_case(const RunRequest& request, Visit visit) {
  for (const Load& load : loads(request)) {
    const std::string scenario = find_scenario(load.text).label;
    const Duration arrivals = arrivals_last(request, load.arrival);
    const size_t attempts = attempts_of(request, load.arrival);
    const bool by_time = lasts_a_given_time(request, load.arrival);
    for (const Family family : request.families)
      for (const size_t concurrency : request.concurrency)
        for (const Duration timeout : request.timeouts)
          for (const NamedConnector& connector : request.connectors) {
            const size_t left = by_time ? concurrency : attempts;  // when no more arrive
            const Duration limit =
                request.wave_limit.value_or(arrivals + default_wave_limit(left, concurrency, timeout));
            Case what{.scenario = scenario,
                      .connector = connector.name,
                      .target = load.name,
                      .family = family,
                      .concurrency = concurrency,
                      .shards = request.shards,
                      .attempts = attempts,
                      .timeout = timeout,
                      .hosts = request.hosts};
            PlannedCase planned{.what = std::move(what),
                                .connector = &connector,
                                .target = load.target,
                                .limit = limit,
                                .policy = request.policy,
                                .mix = load.mix,
                                .load = load.text,
                                .lasts = by_time ? *request.duration : Duration{}};
            planned.policy.handshake = request.handshake.value_or(needs_lab(planned));
            const HostAddress* outside = planned.target->address(family);
            planned.policy.may_self_connect = outside != nullptr && outside->may_self_connect;
            visit(std::move(planned), arrivals);
          }
  }
}

}  // namespace

std::vector<std::string> arrivals_of(const RunRequest& request) {
  std::vector<std::string> all{request.arrival};
  all.insert(all.end(), request.more_arrivals.begin(), request.more_arrivals.end());
  return all;
}

// The room is more than loopback can use, and costs memory only as it is used.
size_t attempts_of(const RunRequest& request, const std::string& arrival) {
  constexpr double most_per_s_and_part = 200'000;
  constexpr double most_room = 16'000'000;
  if (!request.duration && request.attempts != 0) return request.attempts;
  if (!request.duration) return static_cast<size_t>(std::ceil(usual_attempts(arrival).value_or(0)));
  const double seconds = std::chrono::duration<double>(*request.duration).count();
  const double parts = static_cast<double>(request.shards) * static_cast<double>(request.hosts);
  const double room = std::min(most_room, seconds * most_per_s_and_part * parts);
  const double wanted = attempts_within(arrival, *request.duration).value_or(room);
  return std::max<size_t>(1, static_cast<size_t>(std::llround(wanted)));
}

std::vector<const NamedTarget*> PlannedCase::targets() const {
  if (mix == nullptr) return {target};
  std::vector<const NamedTarget*> all;
  for (const Mix::Part& part : mix->parts) all.push_back(&part.target);
  return all;
}

bool PlannedCase::answers() const {
  return std::ranges::all_of(targets(), [](const NamedTarget* one) { return one->entry->answers; });
}

std::optional<Assignment> PlannedCase::assignment(uint64_t seed, unsigned repetition) const {
  if (mix == nullptr) return std::nullopt;
  return assign(*mix, what.attempts, seed + repetition);
}

CapabilitiesAnswer ask_capabilities(const NamedConnector& connector, const ConnectionPolicy& policy) {
  if (const ConnectorProgram* program = connector.entry->program) {
    const DescriptionAnswer& answer = program->answer();
    if (!answer.description) return {std::nullopt, answer.why_not};
    return {answer.description->capabilities, ""};
  }
  const ChildAnswer answer = ask_in_child([&] {
    Retirement retirement(policy, 0);
    const Capabilities capabilities = connector.entry->make({connector.options, 1, retirement})->capabilities();
    if (capabilities.threads == Capabilities::Threads::per_attempt) try_a_thread();
    return as_bytes(capabilities);
  });
  if (!answer.ok) return {std::nullopt, answer.text};
  return {from_bytes(answer.text), ""};
}

Duration default_wave_limit(size_t attempts, size_t concurrency, Duration timeout) noexcept {
  constexpr Duration longest = std::chrono::hours(24 * 365);  // also keeps the product below from overflowing
  const auto twice = static_cast<int64_t>(2 * std::min<size_t>(rounds(attempts, concurrency), SIZE_MAX / 8));
  if (timeout > longest / twice) return longest;
  return std::chrono::seconds(5) + timeout * twice;
}

CaseJudge judge_here(const RunRequest& request) {
  return [&request, openable = std::make_shared<Openable>(request.lab, request.why_no_lab, request.served)](
             PlannedCase& planned) { return why_skipped(request, *openable, planned); };
}

Plan make_plan(const RunRequest& request) {
  return make_plan(request, judge_here(request));
}

Plan make_plan(const RunRequest& request, const CaseJudge& judge) {
  Plan plan;
  for_each_case(request, [&](PlannedCase planned, Duration arrivals) {
    if (auto reason = judge(planned)) {
      plan.skipped.push_back({planned.what, *std::move(reason)});
    } else {
      if (!request.wave_limit) planned.limit = arrivals + wave_limit_for(planned);
      planned.expected =
          request.find_rate ? request.find_rate->wave_lasts() : saturating_sum(arrivals, expected_time(planned));
      plan.cases.push_back(std::move(planned));
    }
  });
  if (request.find_rate) {  // each wave depends on the results of those before it
    const size_t waves = plan.cases.size() * usual_waves_of_search(request.repetitions);
    plan.expected = saturating_product(request.find_rate->wave_lasts(), waves);
    return plan;
  }
  for (unsigned repetition = 1; repetition <= request.repetitions; ++repetition)
    for (const size_t which : seeded_order(plan.cases.size(), request.seed + repetition))
      plan.waves.push_back({which, repetition});
  const unsigned times = request.repetitions + (request.count_syscalls ? 1 : 0);
  for (const PlannedCase& planned : plan.cases)
    plan.expected = saturating_sum(plan.expected, saturating_product(planned.expected, times));
  return plan;
}

}  // namespace connbench
