#include "bench/rate_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/columns.h"
#include "bench/table.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

std::string rate_text(const std::optional<double>& rate) {
  return rate ? fmt::format("{:.6g}", *rate) : "-";
}

// The waves at one rate, as if they were a case of their own.
CaseResult waves_at(const RateResult& result, const std::optional<double>& rate) {
  CaseResult waves{result.planned, {}, {}};
  for (const RateResult::Wave& wave : result.rows)
    if (wave.rate_per_s == rate) waves.rows.push_back(wave.row);
  return waves;
}

std::string votes(const RateResult& result, const std::optional<double>& rate) {
  size_t held = 0;
  size_t all = 0;
  for (const RateResult::Wave& wave : result.rows) {
    if (wave.rate_per_s != rate) continue;
    ++all;
    if (wave.held) ++held;
  }
  return all == 0 ? "-" : fmt::format("{}/{}", held, all);
}

std::string verdict(const RunRequest& request, const RateResult& result) {
  if (!result.failure.empty()) return fmt::format("NOT FOUND: {}", result.failure);
  if (!result.held && !result.not_held) return "not begun";
  if (!result.held && *result.not_held <= request.find_rate->lowest_rate()) return "no rate that was tried holds it";
  if (!result.not_held && *result.held >= highest_rate) return "holds it at every rate that was tried";
  if (!result.held || !result.not_held || *result.not_held > *result.held * (1 + 2 * search_tolerance))
    return "the search was not finished";
  return fmt::format("held up to {}/s, not at {}/s", rate_text(result.held), rate_text(result.not_held));
}

std::string block_table(const RunRequest& request, const std::vector<const RateResult*>& block) {
  const PlannedCase& planned = *block.front()->planned;
  const auto p50 = microseconds(&Percentiles::p50, &SummaryRow::response);
  const auto p99 = microseconds(&Percentiles::p99, &SummaryRow::response);
  const auto cpu = per_attempt([](const SummaryRow& row) { return row.usage.cpu_ns; }, 1e-3);
  std::vector<Cells> rows{{"connector", "rate/s", "held by", "response p50 us", "p99 us", "CPU us", "not at/s",
                           "held by", "p99 us", "waves", "verdict"}};
  for (const RateResult* result : block) {
    const CaseResult held = waves_at(*result, result->held);
    rows.push_back({result->planned->what.connector, rate_text(result->held), votes(*result, result->held),
                    median_of(held, p50), median_of(held, p99), median_of(held, cpu), rate_text(result->not_held),
                    votes(*result, result->not_held), median_of(waves_at(*result, result->not_held), p99),
                    std::to_string(result->rows.size()), verdict(request, *result)});
  }
  const Case& what = planned.what;
  return fmt::format("highest rate with {}: {} ({}{}), {}, {} in flight, timeout {}, waves of {} and more\n{}\n",
                     request.find_rate->text, planned.mix == nullptr ? what.target : fleet_load(*planned.mix, "closed"),
                     what.family == Family::unix_domain ? "" : "IPv", to_string(what.family),
                     request.arrival.substr(0, request.arrival.find(':')), what.concurrency,
                     format_duration(what.timeout), human_readable(request.find_rate->wave_lasts()), align(rows));
}

bool same_block(const PlannedCase& a, const PlannedCase& b) {
  return a.load == b.load && a.what.target == b.what.target && a.what.family == b.what.family &&
         a.what.concurrency == b.what.concurrency && a.what.timeout == b.what.timeout;
}

}  // namespace

std::string rate_table(const RunRequest& request, const std::vector<RateResult>& results,
                       const std::vector<SkippedCase>& skipped) {
  std::string text;
  for (auto next = results.begin(); next != results.end();) {
    std::vector<const RateResult*> block;
    for (; next != results.end() && (block.empty() || same_block(*block.front()->planned, *next->planned)); ++next)
      block.push_back(&*next);
    text += block_table(request, block);
  }
  return text + result_table({}, skipped);
}

}  // namespace connbench
