#include "harness/run/rate_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "harness/support/quantity.h"
#include "harness/support/statistics.h"

namespace connbench {
namespace {

struct NamedQuantile {
  std::string_view name;
  double quantile;
};
constexpr NamedQuantile quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

// Three significant digits: a readable label, and finer than the tolerance.
double rounded(double rate) {
  const double unit = std::pow(10, std::floor(std::log10(rate)) - 2);
  const double scaled = std::round(rate / unit);
  return unit >= 1 ? scaled * std::round(unit) : scaled / std::round(1 / unit);
}

}  // namespace

RateGoal parse_rate_goal(std::string_view text) {
  const size_t less = text.find('<');
  const auto found = std::ranges::find(quantiles, text.substr(0, less), &NamedQuantile::name);
  if (less == std::string_view::npos || found == std::end(quantiles))
    throw std::invalid_argument(
        fmt::format("'{}' should look like p99<5ms: one of p50, p90, p99, p999 and max, then a duration", text));
  // Each wave lasts 40 times as long as the bound, so a longer one would make a search endless.
  const Duration bound = parse_duration(text.substr(less + 1), {Duration(1), std::chrono::seconds(1)});
  return {
      .text = fmt::format("{}<{}", found->name, format_duration(bound)), .quantile = found->quantile, .bound = bound};
}

bool RateGoal::held_by(std::span<const Sample> samples) const {
  const auto in_time = std::ranges::count_if(samples, [&](const Sample& s) {
    return s.outcome == Outcome::connected && s.finished_ns - s.scheduled_ns < bound.count();
  });
  const double rank = std::ceil(quantile * static_cast<double>(samples.size()) - 1e-6);
  return static_cast<double>(in_time) >= rank;
}

Duration RateGoal::wave_lasts() const {
  constexpr auto times = static_cast<int64_t>(2 / search_tolerance);
  return std::max<Duration>(std::chrono::milliseconds(500), bound * times);
}

size_t RateGoal::attempts_at(double rate_per_s) const {
  const double arriving = rate_per_s * std::chrono::duration<double>(wave_lasts()).count();
  return std::max(samples_needed(std::min(quantile, 0.999)), static_cast<size_t>(std::ceil(arriving)));
}

double RateGoal::lowest_rate() const {
  constexpr double seconds = 10;
  return rounded(static_cast<double>(samples_needed(std::min(quantile, 0.999))) / seconds);
}

size_t usual_waves_of_search(unsigned repetitions) noexcept {
  constexpr size_t usual_rates = 12;
  return usual_rates * (repetitions / 2 + 1);
}

RateSearch::RateSearch(double first_rate, unsigned waves, double lowest, double highest)
    : waves_(waves), lowest_(lowest), highest_(highest), rate_(first_rate) {}

std::optional<double> RateSearch::next() const noexcept {
  return rate_;
}

void RateSearch::add(bool held) {
  ++(held ? yes_ : no_);
  const bool yes = yes_ * 2 > waves_;
  const bool no = no_ * 2 >= waves_;  // a tie counts as not held
  if (!yes && !no) return;
  (yes ? held_ : not_held_) = rate_;
  yes_ = no_ = 0;
  rate_ = next_rate();
}

std::optional<double> RateSearch::next_rate() const {
  if (!not_held_) return *held_ >= highest_ ? std::nullopt : std::optional(std::min(rounded(*held_ * 2), highest_));
  if (!held_) return *not_held_ <= lowest_ ? std::nullopt : std::optional(std::max(rounded(*not_held_ / 2), lowest_));
  const double between = rounded(std::sqrt(*held_ * *not_held_));
  const bool near_enough = *not_held_ <= *held_ * (1 + search_tolerance) || between <= *held_ || between >= *not_held_;
  return near_enough ? std::nullopt : std::optional(between);
}

}  // namespace connbench
