#include "tests/bench/golden/made_up.h"

#include <algorithm>

namespace connbench {
namespace {

constexpr double variations[] = {1, 0.97, 1.02, 0.94, 1.01};

int64_t ns(double us) {
  return static_cast<int64_t>(us * 1e3);
}

Percentiles around(double p50_us) {
  if (p50_us == 0) return {};
  return {
      .p50 = ns(p50_us), .p90 = ns(2 * p50_us), .p99 = ns(4 * p50_us), .p999 = ns(8 * p50_us), .max = ns(9 * p50_us)};
}

}  // namespace

SummaryRow made_up_wave(const Case& what, const MadeUp& figures, Outcome usual, double variation) {
  SummaryRow row;
  row.what = what;
  row.attempts = what.attempts;
  const auto attempts = static_cast<double>(what.attempts);
  size_t other = 0;
  for (const auto& [outcome, count] : figures.others) {
    row.outcomes[static_cast<size_t>(outcome)] = count;
    other += count;
  }
  row.outcomes[static_cast<size_t>(usual)] = what.attempts - other;
  row.makespan_ns = 1'000'000'000;
  if (figures.connects_per_s > 0) row.connects_per_s = row.completions_per_s = figures.connects_per_s * variation;
  row.in_flight_mean = figures.in_flight;
  row.connecting = around(figures.connect_us);
  row.overshoot = around(figures.late_us);
  row.reaped_overshoot = around(1.5 * figures.late_us);
  row.response = around(figures.response_us);
  row.usage.cpu_ns = ns(figures.cpu_us * attempts);
  row.usage.voluntary_switches = static_cast<int64_t>(figures.switches * attempts);
  row.usage.involuntary_switches = 0;
  if (figures.syscalls > 0) row.syscalls = figures.syscalls * what.attempts;
  row.peak.threads = figures.threads;
  if (what.scenario != "burst") row.arrivals = {what.attempts, what.attempts, what.attempts - other, other + 7};
  return row;
}

const NamedTarget& MadeUpRun::target(const std::string& name) {
  const auto known = std::ranges::find(targets_, name, &NamedTarget::name);
  return known != targets_.end() ? *known : targets_.emplace_back(find_target(name));
}

MadeUpRun& MadeUpRun::load(Case what) {
  what_ = std::move(what);
  return *this;
}

PlannedCase& MadeUpRun::plan(const std::string& connector) {
  PlannedCase& planned = planned_.emplace_back(
      PlannedCase{.what = what_, .connector = nullptr, .target = nullptr, .limit = std::chrono::seconds(5)});
  planned.what.connector = connector;
  planned.capabilities.opens_sockets = connector != "null";
  return planned;
}

MadeUpRun& MadeUpRun::add(const MadeUp& figures, Outcome usual) {
  PlannedCase& planned = plan(figures.connector);
  planned.target = &target(planned.what.target);
  CaseResult& result = results_.emplace_back(CaseResult{&planned, {}, {}});
  for (size_t i = 0; i < figures.waves; ++i)
    result.rows.push_back(made_up_wave(planned.what, figures, usual, variations[i % std::size(variations)]));
  return *this;
}

MadeUpRun& MadeUpRun::add_fleet(const MadeUp& figures, std::string_view mix, std::string_view arrival) {
  PlannedCase& planned = plan(figures.connector);
  const Mix parsed = parse_mix(mix);
  const auto known = std::ranges::find(mixes_, parsed.name(), &Mix::name);
  planned.mix = known != mixes_.end() ? &*known : &mixes_.emplace_back(parsed);
  planned.target = &planned.mix->parts.front().target;
  planned.what.target = "*";
  planned.load = planned.what.scenario = fleet_load(*planned.mix, arrival);
  CaseResult& result = results_.emplace_back(CaseResult{&planned, {}, {}});
  const std::vector<size_t> counts = shares(*planned.mix, planned.what.attempts);
  for (size_t wave = 0; wave < figures.waves; ++wave) {
    SummaryRow row = made_up_wave(planned.what, figures, Outcome::connected, variations[wave % std::size(variations)]);
    for (size_t i = 0; i < counts.size(); ++i) {
      const bool healthy = can_connect(planned.mix->parts[i].target, planned.what.family);
      Case part = planned.what;
      part.target = planned.mix->parts[i].target.name;
      part.attempts = counts[i];
      MadeUp of_part = figures;
      if (healthy) of_part.others.clear();
      row.by_target.push_back(made_up_wave(part, of_part, healthy ? Outcome::connected : Outcome::deadline_exceeded,
                                           variations[wave % std::size(variations)]));
    }
    result.rows.push_back(std::move(row));
  }
  return *this;
}

MadeUpRun& MadeUpRun::fail(std::string why) {
  results_.back().failures.push_back(std::move(why));
  return *this;
}

MadeUpRun& MadeUpRun::skip(std::string connector, std::string reason) {
  Case what = what_;
  what.connector = std::move(connector);
  skipped_.push_back({std::move(what), std::move(reason)});
  return *this;
}

}  // namespace connbench
