// Session::find_rates(): one search per case. The searches take turns, wave by wave, so that drift affects all alike.
#include <fmt/format.h>

#include <algorithm>

#include "harness/run/session.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/seeded_order.h"

namespace connbench {
namespace {

// How much longer a wave runs once the last attempt has missed the goal's bound.
constexpr Duration grace = std::chrono::milliseconds(100);
// How late a sleeping thread usually wakes up: timer slack and scheduling.
constexpr Duration usual_wake_up = std::chrono::microseconds(200);

// "poisson:1000/s" → "poisson:5660/s".
std::string arrival_at(const std::string& arrival, double rate_per_s) {
  return fmt::format("{}{:.6g}/s", arrival.substr(0, arrival.find(':') + 1), rate_per_s);
}

PlannedCase probe_of(const PlannedCase& planned, const RunRequest& request, double rate_per_s, unsigned repetition) {
  const std::string arrival = arrival_at(request.arrival, rate_per_s);
  PlannedCase probe = planned;
  probe.load = planned.mix == nullptr ? arrival : fleet_load(*planned.mix, arrival);
  probe.what.scenario = find_scenario(probe.load).label;
  probe.what.attempts = request.find_rate->attempts_at(rate_per_s);
  probe.limit = last_due(arrival, request.seed + repetition, probe.what.attempts) + request.find_rate->bound + grace;
  return probe;
}

// Attempts began late although there was room in flight and the processor was idle: the machine woke the runner late.
bool late_while_idle(const RateResult::Wave& wave, const PlannedCase& planned, Duration bound) {
  const SummaryRow& row = wave.row;
  const Capabilities& capabilities = planned.capabilities;
  const size_t parts = planned.what.parts();
  const size_t room = capabilities.completes_in_submit ? parts
                      : capabilities.pool_threads > 0
                          ? std::min(planned.what.concurrency, capabilities.pool_threads * parts)
                          : planned.what.concurrency;
  return !wave.held && row.queue.p90 > std::max(bound / 2, usual_wake_up).count() &&
         row.in_flight_mean < static_cast<double>(room) / 2 && row.usage.cpu_ns >= 0 &&
         row.usage.cpu_ns * 2 < row.makespan_ns;
}

}  // namespace

SessionEnd Session::find_rates() {
  std::vector<RateSearch> searches;
  for (const PlannedCase& planned : plan_.cases) {
    searches.emplace_back(request_.first_rate, request_.repetitions, request_.find_rate->lowest_rate());
    rates_.push_back({.planned = &planned, .held = {}, .not_held = {}, .rows = {}, .failure = {}});
  }
  const auto under_way = [](const RateSearch& search) { return search.next().has_value(); };
  for (uint64_t round = 1; std::ranges::any_of(searches, under_way); ++round)
    for (const size_t which : seeded_order(searches.size(), request_.seed + round)) {
      if (!under_way(searches[which])) continue;
      if (const SessionEnd end = state(); end != SessionEnd::complete) return end;
      try_rate(searches[which], rates_[which]);
      if (!under_way(searches[which])) conclude(rates_[which]);
    }
  return state();
}

void Session::conclude(const RateResult& found) {
  const auto idle = std::ranges::count_if(found.rows, [&](const RateResult::Wave& wave) {
    return late_while_idle(wave, *found.planned, request_.find_rate->bound);
  });
  if (idle > 0)
    warn(fmt::format(
        "{}: {} of {} waves missed {} because attempts began late, although the processor was mostly idle and few were "
        "in flight. The machine was slow to wake the client, so the connector may sustain more. Reserve a processor "
        "for the client (--cpus client=N), or use --spin.",
        found.planned->what.describe(), idle, found.rows.size(), request_.find_rate->text));
  recorder_.rate({.what = found.planned->what,
                  .goal = request_.find_rate->text,
                  .waves_per_rate = request_.repetitions,
                  .tolerance = search_tolerance,
                  .held = found.held,
                  .not_held = found.not_held,
                  .waves = found.rows.size(),
                  .failure = found.failure});
}

void Session::try_rate(RateSearch& search, RateResult& result) {
  const double rate = *search.next();
  const unsigned repetition = search.wave();
  const PlannedCase probe = probe_of(*result.planned, request_, rate, repetition);
  const size_t about = std::max<size_t>(waves_done_ + 1, rates_.size() * usual_waves_of_search(request_.repetitions));
  observer_.on_wave(probe, repetition, WavePurpose::timing, waves_done_, about);
  begin_timed_wave();
  SampleBuffer samples(probe.what.attempts);
  WaveResult wave = site_.wave(probe, samples, repetition, "");
  const SessionEnd so_far = state();
  if (so_far != SessionEnd::complete && wave.failure.empty()) wave.failure = "cut short";
  wave.wave = ++waves_done_;
  note_suspension(&wave);
  SummaryRow row = record(wave, samples, probe);
  if (!wave.failure.empty()) {
    result.failure = wave.failure;
    search.stop();
    if (so_far == SessionEnd::complete)
      warn(fmt::format("{}: the search for a rate ended early, because a wave failed: {}", probe.what.describe(),
                       wave.failure));
    return;
  }
  const bool held = request_.find_rate->held_by(samples.samples());
  result.rows.push_back({.rate_per_s = rate, .held = held, .row = std::move(row)});
  search.add(held);
  result.held = search.held();
  result.not_held = search.not_held();
}

}  // namespace connbench
