#include "bench/rate_table.h"

#include <fmt/format.h>

#include <functional>

#include "bench/columns.h"
#include "bench/skip_lines.h"
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

// How a search ended, unless it found a rate that holds and one near it that does not.
std::string odd_end(const RunRequest& request, const RateResult& result) {
  if (!result.failure.empty()) return fmt::format("NOT FOUND: {}", result.failure);
  if (!result.held && !result.not_held) return "not begun";
  if (!result.held && *result.not_held <= request.find_rate->lowest_rate()) return "no rate that was tried holds it";
  if (!result.not_held && *result.held >= highest_rate) return "holds it at every rate that was tried";
  if (!result.held || !result.not_held || *result.not_held > *result.held * (1 + 2 * search_tolerance))
    return "the search was not finished";
  return "";
}

std::string heading(const RunRequest& request, const PlannedCase& planned) {
  const Case& what = planned.what;
  return fmt::format("highest rate with {}: {} ({}), {}, {}, timeout {}, waves of {} and more", request.find_rate->text,
                     planned.mix == nullptr ? what.target : fleet_load(*planned.mix, "closed"),
                     family_name(what.family), request.arrival.substr(0, request.arrival.find(':')), in_flight(what),
                     format_duration(what.timeout), human_readable(request.find_rate->wave_lasts()));
}

// What a search found, and whatever else has to be said of it.
struct Line {
  const RateResult* result;
  CaseResult held;
  CaseResult broken;
};

using TextOf = std::function<std::string(const Line&)>;
using DurationOf = std::function<std::optional<double>(const Line&)>;

TextTable table_of_lines(const std::vector<Line>& lines) {
  TextTable table;
  const auto text = [&](std::string heading, unsigned rank, const TextOf& cell) {
    TextColumn& column =
        table.columns.emplace_back(TextColumn{.heading = std::move(heading), .align = Align::right, .rank = rank});
    for (const Line& line : lines) column.cells.push_back(cell(line));
  };
  const auto duration = [&](std::string heading, unsigned rank, const DurationOf& of) {
    std::vector<std::optional<double>> all;
    for (const Line& line : lines) all.push_back(of(line));
    add_durations(table, {.heading = std::move(heading), .rank = rank}, all);
  };
  const auto p50 = microseconds(&Percentiles::p50, &SummaryRow::response);
  const auto p99 = microseconds(&Percentiles::p99, &SummaryRow::response);
  text("connector", 0, [](const Line& line) { return line.result->planned->what.connector; });
  table.columns.front().align = Align::left;
  table.columns.front().least = 24;
  table.columns.front().meaning =
      "held: the highest rate at which most waves met the goal; broken: the lowest at which they did not; waves: how "
      "many met it there; p50, p99: of the response time, from due to connected";
  text("held\nrate/s", 1, [](const Line& line) { return grouped(rate_text(line.result->held)); });
  text("held\nwaves", 4, [](const Line& line) { return votes(*line.result, line.result->held); });
  duration("held\np50", 3, [&](const Line& line) { return median_of(line.held, p50); });
  duration("held\np99", 2, [&](const Line& line) { return median_of(line.held, p99); });
  text("CPU us\n/attempt", 3, [](const Line& line) {
    const auto cpu = median_of(line.held, cpu_us_per_attempt());
    return cpu ? number(*cpu) : "-";
  });
  text("broken\nrate/s", 1, [](const Line& line) { return grouped(rate_text(line.result->not_held)); });
  text("broken\nwaves", 5, [](const Line& line) { return votes(*line.result, line.result->not_held); });
  duration("broken\np99", 4, [&](const Line& line) { return median_of(line.broken, p99); });
  text("waves\nrun", 6, [](const Line& line) { return grouped(line.result->rows.size()); });
  return table;
}

std::string block_table(const RunRequest& request, const std::vector<const RateResult*>& block, TableWriter& writer) {
  std::vector<Line> lines;
  for (const RateResult* result : block)
    lines.push_back({result, waves_at(*result, result->held), waves_at(*result, result->not_held)});
  TextTable table = table_of_lines(lines);
  for (size_t i = 0; i < lines.size(); ++i)
    if (std::string odd = odd_end(request, *lines[i].result); !odd.empty()) table.notes[i].push_back(std::move(odd));
  return writer.paragraph(heading(request, *block.front()->planned)) + writer.table(table) + "\n";
}

bool same_block(const PlannedCase& a, const PlannedCase& b) {
  return a.load == b.load && a.what.target == b.what.target && a.what.family == b.what.family &&
         a.what.concurrency == b.what.concurrency && a.what.timeout == b.what.timeout;
}

}  // namespace

std::string rate_table(const RunRequest& request, const std::vector<RateResult>& results,
                       const std::vector<SkippedCase>& skipped, size_t width) {
  TableWriter writer(width);
  std::string text;
  std::vector<const Case*> run;
  for (const RateResult& result : results) run.push_back(&result.planned->what);
  for (auto next = results.begin(); next != results.end();) {
    std::vector<const RateResult*> block;
    for (; next != results.end() && (block.empty() || same_block(*block.front()->planned, *next->planned)); ++next)
      block.push_back(&*next);
    text += block_table(request, block, writer);
  }
  return text + skip_lines(run, skipped, width) + writer.closing("run.json and summary.csv");
}

}  // namespace connbench
