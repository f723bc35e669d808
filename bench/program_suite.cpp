#include "bench/program_suite.h"

#include <fmt/format.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>

#include "harness/scenarios/scenario.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view closed = "closed";

std::string family_text(Family family) {
  return family == Family::ipv4 ? "IPv4" : family == Family::ipv6 ? "IPv6" : "UNIX";
}

class Uninterrupted final : public WaveParent {
 public:
  bool should_stop() override { return false; }
};

// The most attempts that were in flight at one time.
size_t most_at_once(std::span<const Sample> samples) {
  std::vector<std::pair<int64_t, int>> changes;  // at one time, ends come before starts
  for (const Sample& sample : samples) {
    if (sample.started_ns == 0) continue;
    changes.emplace_back(sample.started_ns, 1);
    changes.emplace_back(sample.finished_ns, -1);
  }
  std::ranges::sort(changes);
  size_t current = 0, most = 0;
  for (const auto& [time, change] : changes) most = std::max(most, current += static_cast<size_t>(change));
  return most;
}

std::string outcome_text(const Sample& sample) {
  const char* error = sample.os_error != 0 ? ::strerrorname_np(sample.os_error) : nullptr;
  return error == nullptr ? std::string(to_string(sample.outcome))
                          : fmt::format("{} ({})", to_string(sample.outcome), error);
}

// What a target explains in a run, it does not always explain here: no wave reaches its limit, and no attempt the
// kernel's own timeout, which is the only one that is ETIMEDOUT.
bool is_right(const OutcomeSet& expected, Outcome outcome) {
  const bool of_a_limit =
      outcome == Outcome::cancelled || outcome == Outcome::never_started || outcome == Outcome::peer_timeout;
  return expected.contains(outcome) && !of_a_limit;
}

std::string right_outcomes(const OutcomeSet& expected) {
  std::vector<std::string_view> names;
  for (const Outcome outcome : all_outcomes())
    if (is_right(expected, outcome))
      names.push_back(outcome == Outcome::deadline_exceeded ? "timeout" : to_string(outcome));
  return joined(names, " or ");
}

}  // namespace

// What one wave of a check is made with.
struct ProgramSuite::Load {
  std::string target;
  Family family = Family::ipv4;
  std::span<const Endpoint> endpoints;
  size_t each = 1;  // endpoints of an attempt
  std::vector<std::span<const Endpoint>> routes{};
  size_t attempts = 12;
  size_t in_flight = 4;
  Duration timeout = milliseconds(200);
  Duration limit = seconds(20);
  std::string arrival{closed};
  CloseMode close = CloseMode::rst;
};

ProgramSuite::ProgramSuite(const NamedConnector& connector, lab::Lab* lab, const std::string& why_no_lab,
                           std::function<void(const ProgramVerdict&)> report)
    : connector_(connector),
      description_(connector.entry->program->description()),
      lab_(lab),
      openable_(lab, why_no_lab),
      report_(std::move(report)) {}

void ProgramSuite::run() {
  for (const Family family : every_family) {
    if (!connector_.entry->serves(family)) {
      report_({ProgramVerdict::Kind::skipped, family_text(family), "it does not declare this family"});
      continue;
    }
    every_target(family);
    many(family);
    route(family);
    schedule(family);
    stop(family);
  }
  ways_to_close();
}

void ProgramSuite::every_target(Family family) {
  for (const TargetEntry* entry : all_targets())
    if (entry->serves(family)) at_target(find_target(entry->name), family);
}

void ProgramSuite::at_target(const NamedTarget& named, Family family) {
  const std::string what = fmt::format("{}, {}", named.name, family_text(family));
  if (const std::string why = why_not(named, family); !why.empty())
    return report_({ProgramVerdict::Kind::skipped, what, why});
  if (!named.entry->answers && !description_.capabilities.has_deadline())
    return report_({ProgramVerdict::Kind::skipped, what, "it declares that it has no deadline of its own"});
  const Target& target = open(named, family);
  const Load load{.target = named.name,
                  .family = family,
                  .endpoints = target.endpoints(),
                  .each = target.endpoints_per_attempt(),
                  .in_flight = in_flight(4),
                  .timeout = std::max<Duration>(named.entry->answers ? seconds(5) : milliseconds(200),
                                                description_.capabilities.floor)};
  check(what, load, [&](Samples samples) {
    std::string wrong = judge_outcomes(named, load, samples);
    return wrong.empty() ? judge_deadlines(load, samples) : wrong;
  });
}

void ProgramSuite::many(Family family) {
  const NamedTarget accepting = find_target("accepting");
  if (!why_not(accepting, family).empty()) return;
  Load load{.target = accepting.name, .family = family, .endpoints = open(accepting, family).endpoints()};
  load.attempts = 500;
  load.in_flight = in_flight(32);
  load.timeout = seconds(10);
  check(fmt::format("{} attempts, {} in flight, {}", load.attempts, load.in_flight, family_text(family)), load,
        [&](Samples samples) { return judge_outcomes(accepting, load, samples); });
}

// Two hosts of which one refuses: it shows whether each attempt goes where it should.
void ProgramSuite::route(Family family) {
  const NamedTarget accepting = find_target("accepting"), refusing = find_target("refusing");
  if (!refusing.serves(family) || !why_not(accepting, family).empty() || !why_not(refusing, family).empty()) return;
  const auto to_accept = open(accepting, family).endpoints().first(1);
  const auto to_refuse = open(refusing, family).endpoints().first(1);
  Load load{.target = "*", .family = family, .endpoints = to_accept};
  load.timeout = seconds(5);
  load.in_flight = in_flight(4);
  const auto refused = [](size_t id) { return id % 3 == 1; };
  for (size_t id = 0; id < load.attempts; ++id) load.routes.push_back(refused(id) ? to_refuse : to_accept);
  check(fmt::format("route: each attempt to its host, {}", family_text(family)), load,
        [&](Samples samples) -> std::string {
          for (size_t id = 0; id < samples.size(); ++id)
            if (samples[id].outcome != (refused(id) ? Outcome::refused : Outcome::connected))
              return fmt::format(
                  "it reports attempt {} as {}, but the host of that attempt {}: does it follow \"route\"?", id,
                  outcome_text(samples[id]), refused(id) ? "refuses" : "accepts");
          return "";
        });
}

void ProgramSuite::schedule(Family family) {
  const std::string what = fmt::format("schedule_ns: attempts begin when they are due, {}", family_text(family));
  if (!description_.open_loop)
    return report_({ProgramVerdict::Kind::skipped, what, "it declares that it honours no schedule"});
  const NamedTarget accepting = find_target("accepting");
  if (!why_not(accepting, family).empty()) return;
  Load load{.target = accepting.name, .family = family, .endpoints = open(accepting, family).endpoints()};
  load.arrival = "uniform:100/s";
  load.timeout = seconds(5);
  load.in_flight = in_flight(4);
  check(what, load, [&](Samples samples) -> std::string {
    for (size_t id = 0; id < samples.size(); ++id)
      if (const Duration early(samples[id].scheduled_ns - samples[id].started_ns); early > Duration::zero())
        return fmt::format("it began attempt {} {} before it was due", id, human_readable(early));
    return "";
  });
}

void ProgramSuite::stop(Family family) {
  const std::string what = fmt::format("stop: pending attempts are given up, {}", family_text(family));
  if (!description_.capabilities.cancellable)
    return report_({ProgramVerdict::Kind::skipped, what, "it declares that it cannot be cancelled"});
  const NamedTarget silent = find_target("backlog-full");
  if (!silent.serves(family) || !why_not(silent, family).empty()) return;
  Load load{.target = silent.name, .family = family, .endpoints = open(silent, family).endpoints()};
  load.in_flight = in_flight(4);
  load.timeout = std::chrono::minutes(10);
  load.limit = milliseconds(300);
  check(what, load, [&](Samples samples) -> std::string {
    for (size_t id = 0; id < samples.size(); ++id) {
      const Sample& sample = samples[id];
      const bool at_once = family == Family::unix_domain && sample.outcome == Outcome::refused;  // it never waits
      if (sample.outcome != Outcome::cancelled && sample.outcome != Outcome::never_started && !at_once)
        return fmt::format("after 'stop' it reports attempt {} as {}; the host never answered: 'cancelled' is right",
                           id, outcome_text(sample));
    }
    const auto begun = static_cast<size_t>(std::ranges::count(samples, Outcome::cancelled, &Sample::outcome));
    if (begun > load.in_flight)
      return fmt::format("{} attempts were in flight; \"in_flight\" allows {}", begun, load.in_flight);
    return "";
  });
}

// Connections that wait in a backlog keep what their client has done to them.
void ProgramSuite::ways_to_close() {
  if (!connector_.entry->serves(Family::ipv4)) return;
  for (const CloseMode mode : {CloseMode::rst, CloseMode::fin}) {
    const std::string what = fmt::format("close: {}", to_string(mode));
    if (std::ranges::count(description_.close, mode) == 0) {
      report_({ProgramVerdict::Kind::skipped, what, "it does not declare this way to close"});
      continue;
    }
    const Endpoint loopback = Endpoint::ipv4(0x7f000001, 0);
    const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    checked(::bind(listener.get(), loopback.address(), loopback.size()), "bind");
    checked(::listen(listener.get(), 64), "listen");
    const Endpoint bound = Endpoint::of_socket(listener.get());
    Load load{.target = "a listener", .endpoints = {&bound, 1}, .close = mode};
    load.timeout = seconds(5);
    load.in_flight = in_flight(4);
    check(what, load, [&](Samples) -> std::string {
      for (size_t id = 0; id < load.attempts; ++id) {
        const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!accepted) return fmt::format("it reported {} connections and made {}", load.attempts, id);
        char byte;
        const ssize_t got = ::recv(accepted.get(), &byte, 1, 0);
        if (got < 0 && errno == EAGAIN) return "it wrote 'done' before it had closed its connections";
        const bool reset = got < 0;
        if (reset != (mode == CloseMode::rst))
          return reset ? "it closes connections with RST; \"close\" says fin"
                       : "it closes connections with FIN; \"close\" says rst (SO_LINGER with 0 s)";
      }
      return "";
    });
  }
}

void ProgramSuite::check(const std::string& what, const Load& load, const Judge& judge) {
  using enum ProgramVerdict::Kind;
  SampleBuffer samples(load.attempts);
  const WaveResult result = wave(load, samples);
  if (!result.failure.empty()) return report_({failed, what, result.failure});
  const size_t at_once = most_at_once(samples.samples());
  if (at_once > load.in_flight)
    return report_(
        {failed, what,
         fmt::format("it had {} attempts in flight at one time; \"in_flight\" allows {}", at_once, load.in_flight)});
  std::string wrong = judge(samples.samples());
  const auto declared = std::ranges::find(description_.misleading, load.target.substr(0, load.target.find(':')),
                                          &ProgramDescription::Misleading::target);
  if (declared != description_.misleading.end()) {
    const std::string note = fmt::format("declared misleading: {}", declared->reason);
    return report_(
        {passed, what, wrong.empty() ? note + "; nothing wrong was seen" : fmt::format("{}; {}", note, wrong)});
  }
  report_({wrong.empty() ? passed : failed, what, std::move(wrong)});
}

WaveResult ProgramSuite::wave(const Load& load, SampleBuffer& samples) {
  const Case what{.scenario = "check",
                  .connector = connector_.name,
                  .target = load.target,
                  .family = load.family,
                  .concurrency = load.in_flight,
                  .attempts = load.attempts,
                  .timeout = load.timeout};
  Uninterrupted parent;
  const auto warm_up = open(find_target("accepting"), load.family).endpoints();
  return run_wave({.what = &what,
                   .connector = &connector_,
                   .load = {.endpoints = load.endpoints,
                            .endpoints_per_attempt = load.each,
                            .routes = load.routes,
                            .limit = load.limit},
                   .warm_up = warm_up,
                   .policy = {.close = load.close},
                   .pacing = [&] { return find_scenario(load.arrival).entry->pacing(load.arrival, 1); },
                   .drop_capabilities = lab_ != nullptr && lab_->rights() == lab::Rights::user_space},
                  samples, parent);
}

std::string ProgramSuite::judge_outcomes(const NamedTarget& named, const Load& load, Samples samples) const {
  const OutcomeSet expected = named.entry->expected_outcomes(load.family);
  const auto is_wrong = [&](const Sample& sample) { return !is_right(expected, sample.outcome); };
  const auto wrong = std::ranges::find_if(samples, is_wrong);
  if (wrong == samples.end()) return "";
  return fmt::format("it reports {} of {} attempts wrongly, the first, attempt {}, as {}; at this target {} is right",
                     std::ranges::count_if(samples, is_wrong), samples.size(), wrong - samples.begin(),
                     outcome_text(*wrong), right_outcomes(expected));
}

std::string ProgramSuite::judge_deadlines(const Load& load, Samples samples) const {
  for (size_t id = 0; id < samples.size(); ++id) {
    const Sample& sample = samples[id];
    if (sample.outcome != Outcome::deadline_exceeded) continue;
    const Duration early = load.timeout - Duration(sample.finished_ns - sample.started_ns);
    if (early > description_.capabilities.early)
      return fmt::format("it gave up attempt {} {} before its deadline of {}; it declares {} (early_ns)", id,
                         human_readable(early), human_readable(load.timeout),
                         description_.capabilities.early == Duration{}
                             ? "that it is never early"
                             : "at most " + human_readable(description_.capabilities.early));
  }
  return "";
}

const Target& ProgramSuite::open(const NamedTarget& named, Family family) {
  auto& target = open_[{named.name, family}];
  if (!target) target = named.open({.family = family, .open_at_once = 600, .lab = lab_});
  return *target;
}

std::string ProgramSuite::why_not(const NamedTarget& named, Family family) {
  if (auto reason = openable_.why_not(find_target("accepting"), family)) return *std::move(reason);
  return openable_.why_not(named, family).value_or("");
}

size_t ProgramSuite::in_flight(size_t wanted) const {
  const size_t most = description_.capabilities.max_in_flight;
  return most == 0 ? wanted : std::min(wanted, most);
}

}  // namespace connbench
