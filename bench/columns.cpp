#include "bench/columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/support/wrapped.h"

namespace connbench {
namespace {

// Columns of a terminal that UTF-8 text takes: its code points (no wide or combining characters occur here).
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

constexpr size_t least_to_read = 24;  // in a narrower column text is harder to read than beyond the edge

// A column of figures: flush right. Words stand flush left.
bool is_numeric(const std::vector<Cells>& rows, size_t column) {
  return std::all_of(rows.begin() + 1, rows.end(), [&](const Cells& row) {
    return row[column].empty() || row[column] == "never" ||
           row[column].find_first_not_of("0123456789.-") == std::string::npos;
  });
}

std::string padded(const std::string& text, size_t to, bool left) {
  const std::string blank(to - std::min(to, width(text)), ' ');
  return left ? text + blank : blank + text;
}

}  // namespace

std::string align(const std::vector<Cells>& rows, size_t most) {
  std::vector<size_t> widths(rows.front().size());
  for (const Cells& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  size_t before_last = 2;
  for (size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i] + 2;
  const size_t room = before_last + least_to_read <= most ? most - before_last : SIZE_MAX;
  std::vector<bool> numeric(widths.size());
  for (size_t i = 0; i < numeric.size(); ++i) numeric[i] = is_numeric(rows, i);
  std::string text;
  for (const Cells& row : rows) {
    std::string line = "  ";
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      line += last ? fmt::format("{}", fmt::join(wrapped(row[i], room), fmt::format("\n{:{}}", "", before_last)))
                   : padded(row[i], widths[i], !numeric[i]) + "  ";
    }
    text += line + "\n";
  }
  return text;
}

std::vector<double> values(const CaseResult& result, const Value& value) {
  std::vector<double> found;
  for (const SummaryRow& row : result.rows)
    if (const auto v = value(row)) found.push_back(*v);
  return found;
}

std::string number(double v) {
  if (std::isinf(v)) return "never";
  if (v >= 10'000) return fmt::format("{:.0f}", v);
  return v >= 100 ? fmt::format("{:.0f}", v) : v >= 10 ? fmt::format("{:.1f}", v) : fmt::format("{:.2f}", v);
}

// Of an even number the lower of the middle two: percentiles are never averaged.
std::string median_of(const CaseResult& result, const Value& value) {
  auto found = values(result, value);
  if (found.empty()) return "-";
  const auto middle = found.begin() + static_cast<ptrdiff_t>((found.size() - 1) / 2);
  std::ranges::nth_element(found, middle);
  return number(*middle);
}

std::string range_of(const CaseResult& result, const Value& value) {
  const auto found = values(result, value);
  if (found.empty()) return "-";
  const auto [low, high] = std::ranges::minmax(found);
  return fmt::format("{}-{}", number(low), number(high));
}

Value per_attempt(std::function<int64_t(const SummaryRow&)> total, double scale) {
  return [total = std::move(total), scale](const SummaryRow& row) -> std::optional<double> {
    const int64_t sum = total(row);
    if (sum < 0 || row.attempts == 0) return std::nullopt;
    return static_cast<double>(sum) * scale / static_cast<double>(row.attempts);
  };
}

Value microseconds(std::optional<int64_t> Percentiles::*which, Percentiles SummaryRow::*of) {
  return [=](const SummaryRow& row) -> std::optional<double> {
    const auto& ns = row.*of.*which;
    if (!ns) return std::nullopt;
    return *ns == never_ns ? std::numeric_limits<double>::infinity() : static_cast<double>(*ns) / 1e3;
  };
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
      fmt::format_to(std::back_inserter(text), "{}{}{}", text.empty() ? "" : ", ",
                     count == attempts ? "all " : fmt::format("{} ", count), to_string(o));
  if (!result.failures.empty()) fmt::format_to(std::back_inserter(text), " (FAILED: {})", result.failures.front());
  return text.empty() ? "not run" : text;
}

Column median_column(std::string heading, Value value) {
  return {std::move(heading),
          [value = std::move(value)](const CaseResult& result) { return median_of(result, value); }};
}

Column threads_column() {
  return {"threads", [](const CaseResult& result) {
            int64_t most = -1;
            for (const SummaryRow& row : result.rows) most = std::max(most, row.peak.threads);
            return most < 0 ? std::string("-") : std::to_string(most);
          }};
}

std::vector<Column> arrival_columns() {
  const auto sum = [](std::string heading, size_t OpenLoopAccount::*of) {
    return Column{std::move(heading), [of](const CaseResult& result) {
                    size_t total = 0;
                    for (const SummaryRow& row : result.rows) total += row.arrivals.*of;
                    return std::to_string(total);
                  }};
  };
  return {sum("offered", &OpenLoopAccount::offered), sum("started", &OpenLoopAccount::started),
          sum("completed", &OpenLoopAccount::completed), sum("late", &OpenLoopAccount::late)};
}

bool any(const std::vector<const CaseResult*>& block, const Value& value) {
  return std::ranges::any_of(block, [&](const CaseResult* result) { return !values(*result, value).empty(); });
}

}  // namespace connbench
