#include "bench/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "harness/units.h"

namespace connbench {
namespace {

using Value = std::function<std::optional<double>(const SummaryRow&)>;
using Cells = std::vector<std::string>;

// Columns of a terminal that UTF-8 text takes: its code points (no wide or combining characters occur here).
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// A column of figures: flush right. Words stand flush left.
bool is_numeric(const std::vector<Cells>& rows, size_t column) {
  return std::all_of(rows.begin() + 1, rows.end(), [&](const Cells& row) {
    return row[column].empty() || row[column].find_first_not_of("0123456789.-") == std::string::npos;
  });
}

std::string padded(const std::string& text, size_t to, bool left) {
  const std::string blank(to - std::min(to, width(text)), ' ');
  return left ? text + blank : blank + text;
}

std::vector<double> values(const CaseResult& result, const Value& value) {
  std::vector<double> found;
  for (const SummaryRow& row : result.rows)
    if (const auto v = value(row)) found.push_back(*v);
  return found;
}

std::string number(double v) {
  if (v >= 10'000) return fmt::format("{:.0f}", v);
  return v >= 100 ? fmt::format("{:.0f}", v) : v >= 10 ? fmt::format("{:.1f}", v) : fmt::format("{:.2f}", v);
}

std::string median_of(const CaseResult& result, const Value& value) {
  const auto m = median(values(result, value));
  return m ? number(*m) : "-";
}

std::string range_of(const CaseResult& result, const Value& value) {
  const auto found = values(result, value);
  if (found.empty()) return "-";
  const auto [low, high] = std::ranges::minmax(found);
  return fmt::format("{}-{}", number(low), number(high));
}

Value per_attempt(std::function<int64_t(const SummaryRow&)> total, double scale = 1) {
  return [total = std::move(total), scale](const SummaryRow& row) -> std::optional<double> {
    const int64_t sum = total(row);
    if (sum < 0 || row.attempts == 0) return std::nullopt;
    return static_cast<double>(sum) * scale / static_cast<double>(row.attempts);
  };
}

Value microseconds(std::optional<int64_t> Percentiles::*which, Percentiles SummaryRow::*of) {
  return [=](const SummaryRow& row) -> std::optional<double> {
    const auto& ns = row.*of.*which;
    return ns ? std::optional(static_cast<double>(*ns) / 1e3) : std::nullopt;
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

bool same_block(const Case& a, const Case& b) {
  return a.scenario == b.scenario && a.target == b.target && a.family == b.family && a.concurrency == b.concurrency &&
         a.shards == b.shards && a.timeout == b.timeout;
}

struct Column {
  std::string heading;
  std::function<std::string(const CaseResult&)> cell;
};

Column median_column(std::string heading, Value value) {
  return {std::move(heading),
          [value = std::move(value)](const CaseResult& result) { return median_of(result, value); }};
}

bool any(const std::vector<const CaseResult*>& block, const Value& value) {
  return std::ranges::any_of(block, [&](const CaseResult* result) { return !values(*result, value).empty(); });
}

std::vector<Column> columns(const std::vector<const CaseResult*>& block) {
  const Case& what = block.front()->planned->what;
  // The one that opens no sockets says connected whatever the target: it must not choose the columns of the others.
  std::vector<const CaseResult*> real;
  std::ranges::copy_if(block, std::back_inserter(real),
                       [](const CaseResult* result) { return result->planned->traits.opens_sockets; });
  if (real.empty()) real = block;
  const Value connects = [](const SummaryRow& row) { return row.connects_per_s; };
  const Value completions = [](const SummaryRow& row) { return row.completions_per_s; };
  const Value late_p50 = microseconds(&Percentiles::p50, &SummaryRow::overshoot);
  std::vector<Column> chosen;
  chosen.push_back({"connector", [](const CaseResult& result) { return result.planned->what.connector; }});
  if (any(real, completions)) {
    // Where the peer resets, it is a race which of the two is seen: only their sum compares.
    const auto& ends = block.front()->planned->target->entry->ends(what.family);
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
  chosen.push_back({"threads", [](const CaseResult& result) {
                      int64_t most = -1;
                      for (const SummaryRow& row : result.rows) most = std::max(most, row.peak.threads);
                      return most < 0 ? std::string("-") : std::to_string(most);
                    }});
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

std::string align(const std::vector<Cells>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const Cells& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::vector<bool> numeric(widths.size());
  for (size_t i = 0; i < numeric.size(); ++i) numeric[i] = is_numeric(rows, i);
  std::string text;
  for (const Cells& row : rows) {
    std::string line = "  ";
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      line += last ? row[i] : padded(row[i], widths[i], !numeric[i]) + "  ";
    }
    text += line + "\n";
  }
  return text;
}

std::string result_table(const std::vector<CaseResult>& results, const std::vector<SkippedCase>& skipped) {
  std::string text;
  std::vector<const CaseResult*> block;
  for (const CaseResult& result : results) {
    if (!block.empty() && !same_block(block.front()->planned->what, result.planned->what)) {
      text += block_table(block);
      block.clear();
    }
    block.push_back(&result);
  }
  if (!block.empty()) text += block_table(block);
  if (skipped.empty()) return text;
  text += "skipped\n";
  std::vector<Cells> rows;
  for (const SkippedCase& skip : skipped)
    rows.push_back({skip.what.connector, fmt::format("{} ({})", skip.what.target, to_string(skip.what.family)),
                    fmt::format("{} in flight", skip.what.concurrency), skip.reason});
  return text + align(rows);
}

}  // namespace connbench
