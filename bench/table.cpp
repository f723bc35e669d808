#include "bench/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/fleet_table.h"
#include "bench/skip_lines.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using Block = std::vector<const CaseResult*>;

bool same_block(const Case& a, const Case& b) {
  return a.scenario == b.scenario && a.target == b.target && a.family == b.family && a.concurrency == b.concurrency &&
         a.shards == b.shards && a.timeout == b.timeout;
}

bool opens_sockets(const CaseResult* result) {
  return result->planned->capabilities.opens_sockets;
}

void add_rate(std::vector<Column>& chosen, const PlannedCase& planned) {
  // Where the peer resets, connecting races with the reset: only the sum of the two can be compared.
  const auto& ends = planned.target->entry->expected_outcomes(planned.what.family);
  const bool connected = ends.contains(Outcome::connected) && !ends.contains(Outcome::reset);
  // A wave in which nothing succeeded has a rate of zero, and counts in the median.
  const Value rate = [connected](const SummaryRow& row) -> std::optional<double> {
    if (!row.makespan_ns) return std::nullopt;
    return (connected ? row.connects_per_s : row.completions_per_s).value_or(0);
  };
  const auto range = [rate](const CaseResult& result) {
    const auto found = values(result, rate);
    if (found.empty()) return std::string("-");
    const auto [low, high] = std::ranges::minmax(found);
    return fmt::format("{}-{}", number(low), number(high));
  };
  chosen.push_back(median_column(connected ? "connects/s" : "answers/s", 1, rate));
  chosen.push_back({.heading = "min-max/s", .rank = 6, .cell = range});
}

// The percentiles that --percentiles asks for.
std::vector<double> percents_of(const Block& block) {
  std::vector<double> percents;
  for (const CaseResult* result : block) {
    if (result->rows.empty()) continue;
    for (const ChosenPercentile& one : result->rows.front().chosen) percents.push_back(one.percent);
    break;
  }
  return percents;
}

void add_percentiles(std::vector<Column>& columns, const char* what, const std::vector<double>& percents,
                     std::optional<int64_t> ChosenPercentile::*of) {
  for (size_t i = 0; i < percents.size(); ++i)
    columns.push_back(duration_column(fmt::format("{}\np{}", what, percents[i]), 2,
                                      [i, of](const SummaryRow& row) -> std::optional<double> {
                                        if (i >= row.chosen.size()) return std::nullopt;
                                        return in_microseconds(row.chosen[i].*of);
                                      }));
}

std::vector<Column> columns(const Block& block) {
  const PlannedCase& planned = *block.front()->planned;
  const bool open_loop = planned.what.scenario != "burst";
  // A connector that opens no sockets reports "connected" for every target: it must not choose the others' columns.
  Block real;
  std::ranges::copy_if(block, std::back_inserter(real), opens_sockets);
  if (real.empty()) real = block;
  std::vector<Column> chosen;
  if (any(real, [](const SummaryRow& row) { return row.completions_per_s; })) add_rate(chosen, planned);
  const std::vector<double> percents = percents_of(block);
  if (!percents.empty()) {
    add_percentiles(chosen, "connect", percents, &ChosenPercentile::connecting_ns);
    if (open_loop) add_percentiles(chosen, "response", percents, &ChosenPercentile::response_ns);
  } else if (planned.what.concurrency == 1 || open_loop) {
    chosen.push_back(duration_column("connect\np50", 3, microseconds(&Percentiles::p50, &SummaryRow::connecting)));
    chosen.push_back(duration_column("connect\np99", 3, microseconds(&Percentiles::p99, &SummaryRow::connecting)));
  }
  if (open_loop && percents.empty()) {
    chosen.push_back(duration_column("response\np50", 2, microseconds(&Percentiles::p50, &SummaryRow::response)));
    chosen.push_back(duration_column("response\np99", 1, microseconds(&Percentiles::p99, &SummaryRow::response)));
  }
  if (open_loop) std::ranges::move(arrival_columns(), std::back_inserter(chosen));
  if (any(real, microseconds(&Percentiles::p50, &SummaryRow::overshoot))) {
    chosen.push_back(lateness_column("late\np50", 1, &Percentiles::p50));
    chosen.push_back(lateness_column("late\np99", 1, &Percentiles::p99));
    chosen.push_back(reaped_lateness_column("reaped\np50", 3, &Percentiles::p50));
    chosen.push_back(reaped_lateness_column("reaped\np99", 4, &Percentiles::p99));
  }
  chosen.push_back(cpu_column(2));
  chosen.push_back(median_column("switches\n/attempt", 7, per_attempt([](const SummaryRow& r) {
                                   return r.usage.voluntary_switches + r.usage.involuntary_switches;
                                 })));
  chosen.push_back(median_column("syscalls\n/attempt", 4, per_attempt([](const SummaryRow& r) {
                                   return r.syscalls ? static_cast<int64_t>(*r.syscalls) : -1;
                                 })));
  chosen.push_back(median_column("in flight\n(mean)", 7, [](const SummaryRow& r) { return r.in_flight_mean; }));
  chosen.push_back(threads_column(5));
  return chosen;
}

std::string heading(const Block& block) {
  const Case& what = block.front()->planned->what;
  size_t repetitions = 0;
  for (const CaseResult* result : block) repetitions = std::max(repetitions, result->rows.size());
  return fmt::format("{} ({}), {}, {}, timeout {}, {} x {}", what.target, family_name(what.family), what.scenario,
                     in_flight(what), format_duration(what.timeout), repetitions, amount_of(*block.front()->planned));
}

// How most cases ended is said once; those that ended otherwise have a line of their own.
std::string add_outcomes(TextTable& table, const Block& block) {
  std::vector<std::string> texts;
  for (const CaseResult* result : block)
    if (opens_sockets(result)) texts.push_back(outcomes(*result));
  const std::string usual = most_common(texts);
  for (size_t i = 0; i < block.size(); ++i) {
    const CaseResult& result = *block[i];
    Cells& notes = table.notes[i];
    if (opens_sockets(&result) && outcomes(result) != usual) notes.push_back(outcomes(result));
    if (!result.failures.empty()) notes.push_back("FAILED: " + result.failures.front());
  }
  if (usual.empty()) return "";
  return fmt::format(
      "outcome: {}{}", usual,
      std::ranges::count(texts, usual) == std::ssize(texts) ? "" : ", unless a line below says otherwise");
}

std::string block_table(const Block& all, TableWriter& writer) {
  Block block;
  Cells not_run;
  for (const CaseResult* result : all) {
    if (!result->rows.empty() || !result->failures.empty())
      block.push_back(result);
    else
      not_run.push_back(result->planned->what.connector);
  }
  std::string text = writer.paragraph(heading(all));
  if (!block.empty()) {
    TextTable table = table_of(columns(block), block);
    if (const std::string usual = add_outcomes(table, block); !usual.empty()) text += writer.paragraph(usual);
    text += writer.table(table);
  }
  if (!not_run.empty()) text += writer.paragraph(fmt::format("  not run: {}", some_connectors(not_run, all.size())), 4);
  return text + "\n";
}

}  // namespace

std::string result_table(const std::vector<CaseResult>& results, const std::vector<SkippedCase>& skipped,
                         size_t width) {
  TableWriter writer(width);
  std::string text;
  Block block;
  std::vector<const Case*> run;
  for (const CaseResult& result : results) {
    run.push_back(&result.planned->what);
    if (result.planned->mix != nullptr) continue;
    if (!block.empty() && !same_block(block.front()->planned->what, result.planned->what)) {
      text += block_table(block, writer);
      block.clear();
    }
    block.push_back(&result);
  }
  if (!block.empty()) text += block_table(block, writer);
  text += fleet_tables(results, writer);
  text += skip_lines(run, skipped, width);
  return text + writer.closing("summary.csv");
}

}  // namespace connbench
