#include "harness/run/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "harness/run/phase_lock.h"
#include "harness/run/steadiness.h"
#include "harness/run/warnings.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/joined.h"
#include "harness/targets/external.h"

namespace connbench {

Session::Session(const RunRequest& request, const Plan& plan, Site& site, Recorder& recorder, SessionObserver& observer)
    : request_(request), plan_(plan), site_(site), recorder_(recorder), observer_(observer) {
  if (request.find_rate) return;
  for (const PlannedCase& planned : plan.cases) results_.push_back({&planned, {}, {}});
}

SessionEnd Session::run() {
  record_connectors();
  record_hosts();
  for (const SkippedCase& skipped : plan_.skipped) recorder_.skip(skipped.what, skipped.reason);
  for (const PlannedCase& planned : plan_.cases) {
    const size_t destinations = site_.open(planned);
    for (std::string& warning : port_warnings(request_, planned, destinations)) warn(std::move(warning));
  }
  for (std::string& warning : phase_warnings(request_, plan_.cases)) warn(std::move(warning));
  SessionEnd end = request_.count_syscalls ? count_syscalls() : SessionEnd::complete;
  counted_ = end == SessionEnd::complete;
  if (counted_) end = request_.find_rate ? find_rates() : timed_waves();
  if (end == SessionEnd::complete) {
    site_.finish_records();
    end = state();
  }
  warn_about_cases();
  judge_machine();
  return end;
}

void Session::record_connectors() {
  std::set<std::string_view> recorded;  // each connector once, in the order in which they were selected
  for (const PlannedCase& planned : plan_.cases)
    if (recorded.insert(planned.what.connector).second) recorder_.connector(*planned.connector, planned.capabilities);
}

// Of hosts outside: which addresses stand behind the name. Another run may find others.
void Session::record_hosts() {
  std::set<std::string_view> racing;
  bool all_race = true;
  for (const PlannedCase& planned : plan_.cases) {
    all_race = all_race && planned.capabilities.uses_all_endpoints;
    if (planned.capabilities.uses_all_endpoints) racing.insert(planned.what.connector);
  }
  const std::vector<std::string_view> names(racing.begin(), racing.end());
  const std::string who =
      names.empty() ? "All attempts" : joined(names, ", ") + " may have used all of them; the others";
  for (const NamedTarget& target : request_.targets)
    for (const HostAddress& address : target.addresses) {
      recorder_.host(target.name, address);
      if (address.others > 0 && !all_race)
        warn(
            fmt::format("{} has {} addresses of family {}, which may be different hosts. {} went to the first, {}; "
                        "give another one as the target to measure it.",
                        target.name, address.others + 1, to_string(address.family), who, address.endpoint.to_string()));
    }
}

SessionEnd Session::count_syscalls() {
  counting_ = site_.counting();
  if (counting_.method.empty()) {
    warn("system calls are not counted: " + counting_.why_not);
    return SessionEnd::complete;
  }
  for (const PlannedCase& planned : plan_.cases) {
    if (const SessionEnd end = state(); end != SessionEnd::complete) return end;
    observer_.on_wave(planned, 0, WavePurpose::counting_syscalls, waves_done_, plan_.cases.size() + plan_.waves.size());
    SampleBuffer discarded(site_.samples_of(planned));
    const WaveResult result = site_.wave(planned, discarded, 0, counting_.method);
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
    SampleBuffer samples(site_.samples_of(planned));
    WaveResult result = site_.wave(planned, samples, next.repetition, "");
    const SessionEnd so_far = state();
    if (so_far != SessionEnd::complete && result.failure.empty())  // this wave was not measured in full
      result.failure =
          so_far == SessionEnd::broke ? fmt::format("cut short: {} died", died()) : "cut short by a signal";
    result.wave = ++waves_done_ - before;
    note_suspension(&result);
    if (!result.failure.empty() && so_far == SessionEnd::complete)
      results_[next.which].failures.push_back(result.failure);
    SummaryRow row = record(result, samples, planned);
    // Recorded, but no result: its outcomes come from the end of the run.
    if (so_far == SessionEnd::complete) results_[next.which].rows.push_back(std::move(row));
  }
  return state();
}

SummaryRow Session::record(const WaveResult& wave, const SampleBuffer& samples, const PlannedCase& planned) {
  const auto assignment = planned.assignment(request_.seed, wave.repetition);
  const Assignment* targets = assignment ? &*assignment : nullptr;
  if (DistantWave* distant = site_.distant_wave()) return recorder_.add(wave, *distant, targets);
  return recorder_.add(wave, samples.samples(), targets, [this] { return state() == SessionEnd::interrupted; });
}

void Session::note_suspension(const WaveResult* wave) {
  const Suspension seen = site_.take_suspension();
  if (!seen) return;
  recorder_.suspended(seen, wave);
  warn(suspension_warning(seen, wave));
}

void Session::begin_timed_wave() {
  note_suspension(nullptr);
  site_.look_at_others();
}

void Session::judge_machine() {
  MachineFitness fitness = site_.fitness();
  unfit_ = std::move(fitness.unfit);
  if (std::string text = unsteady_cases(results_, offered_rate(request_.arrival).has_value()); !text.empty())
    unfit_.push_back(std::move(text));
  recorder_.fitness(fitness.seen, unfit_);
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
