#include "harness/record/distributions.h"

#include <algorithm>
#include <utility>

#include "harness/support/statistics.h"

namespace connbench {
namespace {

bool started(const Sample& s) {
  return s.started_ns != 0;
}
bool ended(const Sample& s) {
  return started(s) && s.finished_ns != 0;
}
bool end_is_unknown(const Sample& s) {
  return s.finished_ns == 0 && (started(s) || s.outcome == Outcome::cancelled);
}

void add_figures(Distributions& to, const Sample& s, int64_t timeout_ns) {
  if (started(s)) to.of(Figure::queue).push_back(s.started_ns - s.scheduled_ns);
  if (!ended(s)) return;
  const int64_t connecting = s.finished_ns - s.started_ns;
  if (s.outcome == Outcome::deadline_exceeded) {
    to.of(Figure::overshoot).push_back(connecting - timeout_ns);
    to.of(Figure::reaped_overshoot).push_back(s.reaped_ns - s.started_ns - timeout_ns);
  }
  if (s.outcome != Outcome::connected) return;
  to.of(Figure::connecting).push_back(connecting);
  to.of(Figure::response).push_back(s.finished_ns - s.scheduled_ns);
  // After a retransmitted SYN, the kernel's round trip covers only the last exchange.
  if (s.handshake_known && s.syn_retransmits == 0) to.of(Figure::added).push_back(connecting - s.round_trip_ns);
}

}  // namespace

void Tally::add(const Sample& sample) noexcept {
  ++samples;
  ++outcomes[static_cast<size_t>(sample.outcome)];
  arrivals.add(sample);
  open_end = open_end || end_is_unknown(sample);
  if (!started(sample)) return;
  began_ns = std::min(began_ns, sample.scheduled_ns);
  ended_ns = std::max(ended_ns, sample.finished_ns);
  connecting_sum_ns += static_cast<double>(sample.finished_ns - sample.started_ns);
}

void Tally::add(const Tally& other) noexcept {
  samples += other.samples;
  for (size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += other.outcomes[i];
  arrivals.add(other.arrivals);
  began_ns = std::min(began_ns, other.began_ns);
  ended_ns = std::max(ended_ns, other.ended_ns);
  open_end = open_end || other.open_end;
  connecting_sum_ns += other.connecting_sum_ns;
}

std::optional<int64_t> Tally::makespan_ns() const {
  const bool none_started = began_ns == std::numeric_limits<int64_t>::max();
  return none_started || open_end ? std::nullopt : std::optional(ended_ns - began_ns);
}

Distributions distributions_of(const RecordedWave& recorded, const SomeAttempts& which) {
  const int64_t timeout_ns = recorded.wave.what.timeout.count();
  Distributions found;
  const auto add = [&](const Sample& sample) {
    found.tally.add(sample);
    add_figures(found, sample, timeout_ns);
  };
  if (recorded.wave.offered.empty() && which.step == 1 && !which.target) {  // all there are, wherever they are
    for (const Sample& sample : recorded.samples) add(sample);
    return found;
  }
  for (size_t i = which.first; i < recorded.end_of_offered(); i += which.step) {
    if (!recorded.offered(i)) continue;
    if (which.target && recorded.assignment->of[recorded.number(i)] != *which.target) continue;
    add(recorded.sample(i));
  }
  return found;
}

size_t attempts_beyond(Figure figure, size_t values, const Tally& tally, size_t never_offered) {
  return figure == Figure::response ? tally.samples - values + never_offered : 0;
}

QuantileOf quantiles_of(std::shared_ptr<Distributions> distributions, size_t never_offered) {
  return [all = std::move(distributions), never_offered](Figure figure, double q) {
    std::vector<int64_t>& values = all->of(figure);
    return quantile(values, q, attempts_beyond(figure, values.size(), all->tally, never_offered));
  };
}

}  // namespace connbench
