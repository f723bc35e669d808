#include "bench/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/fleet_table.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

bool same_block(const Case& a, const Case& b) {
  return a.scenario == b.scenario && a.target == b.target && a.family == b.family && a.concurrency == b.concurrency &&
         a.shards == b.shards && a.timeout == b.timeout;
}

std::vector<Column> columns(const std::vector<const CaseResult*>& block) {
  const Case& what = block.front()->planned->what;
  // The one that opens no sockets says connected whatever the target: it must not choose the columns of the others.
  std::vector<const CaseResult*> real;
  std::ranges::copy_if(block, std::back_inserter(real),
                       [](const CaseResult* result) { return result->planned->capabilities.opens_sockets; });
  if (real.empty()) real = block;
  const Value connects = [](const SummaryRow& row) { return row.connects_per_s; };
  const Value completions = [](const SummaryRow& row) { return row.completions_per_s; };
  const Value late_p50 = microseconds(&Percentiles::p50, &SummaryRow::overshoot);
  std::vector<Column> chosen;
  chosen.push_back({"connector", [](const CaseResult& result) { return result.planned->what.connector; }});
  if (any(real, completions)) {
    // Where the peer resets, it is a race which of the two is seen: only their sum compares.
    const auto& ends = block.front()->planned->target->entry->expected_outcomes(what.family);
    const bool connected = ends.contains(Outcome::connected) && !ends.contains(Outcome::reset);
    // A wave in which nothing succeeded has a rate of nothing: it stays in the median.
    const Value rate = [of = connected ? connects : completions](const SummaryRow& row) -> std::optional<double> {
      return row.makespan_ns ? std::optional(of(row).value_or(0)) : std::nullopt;
    };
    chosen.push_back(median_column(connected ? "connects/s" : "answers/s", rate));
    chosen.push_back({"min-max", [rate](const CaseResult& result) { return range_of(result, rate); }});
  }
  if (what.concurrency == 1 || what.scenario != "burst") {
    chosen.push_back(median_column("p50 us", microseconds(&Percentiles::p50, &SummaryRow::connecting)));
    chosen.push_back(median_column("p99 us", microseconds(&Percentiles::p99, &SummaryRow::connecting)));
  }
  if (what.scenario != "burst") {
    chosen.push_back(median_column("response p50 us", microseconds(&Percentiles::p50, &SummaryRow::response)));
    chosen.push_back(median_column("p99 us", microseconds(&Percentiles::p99, &SummaryRow::response)));
    std::ranges::move(arrival_columns(), std::back_inserter(chosen));
  }
  if (any(real, late_p50)) {
    chosen.push_back(median_column("late p50 us", late_p50));
    chosen.push_back(median_column("late p99 us", microseconds(&Percentiles::p99, &SummaryRow::overshoot)));
  }
  chosen.push_back(median_column("CPU us", per_attempt([](const SummaryRow& r) { return r.usage.cpu_ns; }, 1e-3)));
  chosen.push_back(median_column("switches", per_attempt([](const SummaryRow& r) {
                                   return r.usage.voluntary_switches + r.usage.involuntary_switches;
                                 })));
  chosen.push_back(median_column("syscalls", per_attempt([](const SummaryRow& r) {
                                   return r.syscalls ? static_cast<int64_t>(*r.syscalls) : -1;
                                 })));
  chosen.push_back(median_column("in flight", [](const SummaryRow& r) { return r.in_flight_mean; }));
  chosen.push_back(threads_column());
  chosen.push_back({"outcome", outcomes});
  return chosen;
}

std::string heading(const std::vector<const CaseResult*>& block) {
  const Case& what = block.front()->planned->what;
  size_t repetitions = 0;
  for (const CaseResult* result : block) repetitions = std::max(repetitions, result->rows.size());
  return fmt::format("{} ({}{}), {}, {} in flight, timeout {}, {} x {} attempts", what.target,
                     what.family == Family::unix_domain ? "" : "IPv", to_string(what.family), what.scenario,
                     what.concurrency, format_duration(what.timeout), repetitions, what.attempts);
}

std::string block_table(const std::vector<const CaseResult*>& block) {
  const std::vector<Column> chosen = columns(block);
  std::vector<Cells> rows(1);
  for (const Column& column : chosen) rows.front().push_back(column.heading);
  for (const CaseResult* result : block) {
    Cells& cells = rows.emplace_back();
    for (const Column& column : chosen) cells.push_back(column.cell(*result));
  }
  return fmt::format("{}\n{}\n", heading(block), align(rows));
}

}  // namespace

std::string result_table(const std::vector<CaseResult>& results, const std::vector<SkippedCase>& skipped) {
  std::string text;
  std::vector<const CaseResult*> block;
  for (const CaseResult& result : results) {
    if (result.planned->mix != nullptr) continue;
    if (!block.empty() && !same_block(block.front()->planned->what, result.planned->what)) {
      text += block_table(block);
      block.clear();
    }
    block.push_back(&result);
  }
  if (!block.empty()) text += block_table(block);
  text += fleet_tables(results);
  if (skipped.empty()) return text;
  text += "skipped\n";
  std::vector<Cells> rows;
  for (const SkippedCase& skip : skipped)
    rows.push_back({skip.what.connector, fmt::format("{} ({})", skip.what.destination(), to_string(skip.what.family)),
                    fmt::format("{} in flight", skip.what.concurrency), skip.reason});
  return text + align(rows);
}

}  // namespace connbench
