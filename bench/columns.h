// What the printed tables are made of.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/run/session.h"

namespace connbench {

using Cells = std::vector<std::string>;

/// A table with aligned columns; the first row is the heading. Columns of figures are flush right. What makes a line
/// longer than `most` goes on below, within the last column.
std::string align(const std::vector<Cells>& rows, size_t most = SIZE_MAX);

/// A figure of one wave; nothing where the wave does not have it.
using Value = std::function<std::optional<double>(const SummaryRow&)>;

/// Over the waves of a case, those that have it.
std::vector<double> values(const CaseResult& result, const Value& value);
/// Three digits, or the whole part; "never" for what is infinite.
std::string number(double v);
/// "-" when no wave has it.
std::string median_of(const CaseResult& result, const Value& value);
std::string range_of(const CaseResult& result, const Value& value);

/// A total of the wave, -1 = not known, divided by its attempts.
Value per_attempt(std::function<int64_t(const SummaryRow&)> total, double scale = 1);
Value microseconds(std::optional<int64_t> Percentiles::*which, Percentiles SummaryRow::*of);

/// "1500 connected, 3 reset", "all connected": over all waves, and why some of them failed.
std::string outcomes(const CaseResult& result);

struct Column {
  std::string heading;
  std::function<std::string(const CaseResult&)> cell;
};
Column median_column(std::string heading, Value value);

/// The most that were seen in any wave.
Column threads_column();

/// Open loop, over all waves: offered, started, completed, and started late or never.
std::vector<Column> arrival_columns();

/// Whether any of these cases has it.
bool any(const std::vector<const CaseResult*>& block, const Value& value);

}  // namespace connbench
