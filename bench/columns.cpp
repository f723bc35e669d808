#include "bench/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/support/quantity.h"

namespace connbench {
namespace {

struct Unit {
  const char* name;
  double microseconds;
};

// A unit in which the shortest of them still has its digits.
Unit unit_of(const std::vector<std::optional<double>>& durations) {
  constexpr Unit us{"us", 1}, ms{"ms", 1e3}, s{"s", 1e6};
  double shortest = std::numeric_limits<double>::infinity();
  for (const auto& duration : durations)
    if (duration && *duration != 0) shortest = std::min(shortest, std::abs(*duration));
  if (std::isinf(shortest)) return us;
  return shortest >= 10 * s.microseconds ? s : shortest >= ms.microseconds ? ms : us;
}

// "late\np50" → "late\np50 us": the unit ends the heading.
std::string with_unit(const std::string& heading, const Unit& unit) {
  return fmt::format("{} {}", heading, unit.name);
}

}  // namespace

std::vector<double> values(const CaseResult& result, const Value& value) {
  std::vector<double> found;
  for (const SummaryRow& row : result.rows)
    if (const auto v = value(row)) found.push_back(*v);
  return found;
}

std::string number(double v) {
  if (std::isinf(v)) return "never";
  const double size = std::abs(v);
  return grouped(size >= 100  ? fmt::format("{:.0f}", v)
                 : size >= 10 ? fmt::format("{:.1f}", v)
                              : fmt::format("{:.2f}", v));
}

// Of an even number the lower of the middle two: percentiles are never averaged.
std::optional<double> median_of(const CaseResult& result, const Value& value) {
  auto found = values(result, value);
  if (found.empty()) return std::nullopt;
  const auto middle = found.begin() + static_cast<ptrdiff_t>((found.size() - 1) / 2);
  std::ranges::nth_element(found, middle);
  return *middle;
}

Value per_attempt(std::function<int64_t(const SummaryRow&)> total, double scale) {
  return [total = std::move(total), scale](const SummaryRow& row) -> std::optional<double> {
    const int64_t sum = total(row);
    if (sum < 0 || row.attempts == 0) return std::nullopt;
    return static_cast<double>(sum) * scale / static_cast<double>(row.attempts);
  };
}

Value cpu_us_per_attempt() {
  return per_attempt([](const SummaryRow& row) { return row.usage.cpu_ns; }, 1e-3);
}

std::optional<double> in_microseconds(const std::optional<int64_t>& ns) {
  if (!ns) return std::nullopt;
  return *ns == never_ns ? std::numeric_limits<double>::infinity() : static_cast<double>(*ns) / 1e3;
}

Value microseconds(std::optional<int64_t> Percentiles::*which, Percentiles SummaryRow::*of) {
  return [=](const SummaryRow& row) { return in_microseconds(row.*of.*which); };
}

std::string outcomes(const CaseResult& result) {
  size_t attempts = 0;
  std::array<size_t, outcome_count> counts{};
  for (const SummaryRow& row : result.rows) {
    attempts += row.attempts;
    for (const Outcome o : all_outcomes()) counts[static_cast<size_t>(o)] += row.count(o);
  }
  std::string text;
  for (const Outcome o : all_outcomes())
    if (const size_t count = counts[static_cast<size_t>(o)]; count > 0)
      text +=
          fmt::format("{}{} {}", text.empty() ? "" : ", ", count == attempts ? "all" : grouped(count), to_string(o));
  return text;
}

Column median_column(std::string heading, unsigned rank, Value value) {
  return {.heading = std::move(heading), .rank = rank, .cell = [value = std::move(value)](const CaseResult& result) {
            const auto median = median_of(result, value);
            return median ? number(*median) : "-";
          }};
}

Column duration_column(std::string heading, unsigned rank, Value microseconds) {
  return {.heading = std::move(heading), .rank = rank, .duration = std::move(microseconds)};
}

Column lateness_column(std::string heading, unsigned rank, std::optional<int64_t> Percentiles::*which) {
  Column column = duration_column(std::move(heading), rank, microseconds(which, &SummaryRow::overshoot));
  column.meaning = "late: how long after its deadline an attempt ended";
  return column;
}

Column reaped_lateness_column(std::string heading, unsigned rank, std::optional<int64_t> Percentiles::*which) {
  Column column = duration_column(std::move(heading), rank, microseconds(which, &SummaryRow::reaped_overshoot));
  column.meaning = "reaped: how long after its deadline the caller received it, with all that ended in the same wait";
  return column;
}

Column cpu_column(unsigned rank) {
  return median_column("CPU us\n/attempt", rank, cpu_us_per_attempt());
}

Column threads_column(unsigned rank) {
  return {.heading = "threads", .rank = rank, .cell = [](const CaseResult& result) {
            int64_t most = -1;
            for (const SummaryRow& row : result.rows) most = std::max(most, row.peak.threads);
            return most < 0 ? std::string("-") : grouped(static_cast<size_t>(most));
          }};
}

std::vector<Column> arrival_columns() {
  const auto sum = [](std::string heading, unsigned rank, size_t OpenLoopAccount::*of) {
    return Column{.heading = std::move(heading), .rank = rank, .cell = [of](const CaseResult& result) {
                    size_t total = 0;
                    for (const SummaryRow& row : result.rows) total += row.arrivals.*of;
                    return grouped(total);
                  }};
  };
  std::vector<Column> columns{
      sum("offered", 9, &OpenLoopAccount::offered), sum("started", 8, &OpenLoopAccount::started),
      sum("completed", 8, &OpenLoopAccount::completed), sum("queued", 2, &OpenLoopAccount::late)};
  columns.back().meaning = fmt::format("queued: attempts that started more than {} ms after they were due, or never",
                                       std::chrono::duration_cast<std::chrono::milliseconds>(late_bound).count());
  return columns;
}

void add_durations(TextTable& table, Column column, const std::vector<std::optional<double>>& microseconds) {
  const Unit unit = unit_of(microseconds);
  TextColumn& added = table.columns.emplace_back(TextColumn{.heading = with_unit(column.heading, unit),
                                                            .align = Align::right,
                                                            .rank = column.rank,
                                                            .meaning = std::move(column.meaning)});
  for (const auto& duration : microseconds)
    added.cells.push_back(duration ? number(*duration / unit.microseconds) : "-");
}

TextTable table_of(const std::vector<Column>& columns, const std::vector<const CaseResult*>& cases) {
  TextTable table;
  TextColumn& names = table.columns.emplace_back(TextColumn{.heading = "connector", .least = 24});
  for (const CaseResult* result : cases) names.cells.push_back(result->planned->what.connector);
  for (const Column& column : columns) {
    if (column.duration) {
      std::vector<std::optional<double>> medians;
      for (const CaseResult* result : cases) medians.push_back(median_of(*result, column.duration));
      add_durations(table, column, medians);
      continue;
    }
    TextColumn& added = table.columns.emplace_back(
        TextColumn{.heading = column.heading, .align = Align::right, .rank = column.rank, .meaning = column.meaning});
    for (const CaseResult* result : cases) added.cells.push_back(column.cell(*result));
  }
  return table;
}

bool any(const std::vector<const CaseResult*>& cases, const Value& value) {
  return std::ranges::any_of(cases, [&](const CaseResult* result) { return !values(*result, value).empty(); });
}

std::string most_common(const std::vector<std::string>& texts) {
  const auto found =
      std::ranges::max_element(texts, {}, [&](const std::string& text) { return std::ranges::count(texts, text); });
  return found == texts.end() ? "" : *found;
}

std::string amount_of(const PlannedCase& planned) {
  return planned.lasts > Duration::zero() ? format_duration(planned.lasts)
                                          : fmt::format("{} attempts", grouped(planned.what.attempts));
}

std::string family_name(Family family) {
  return family == Family::unix_domain ? "UNIX" : fmt::format("IPv{}", to_string(family));
}

std::string in_flight(const Case& what) {
  return what.shards == 1 ? fmt::format("{} in flight", grouped(what.concurrency))
                          : fmt::format("{} in flight in {} shards", grouped(what.concurrency), grouped(what.shards));
}

}  // namespace connbench
