// The columns of the tables that a run prints, and how figures are written in them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/run/session.h"
#include "harness/support/text_table.h"

namespace connbench {

/// A figure of one wave; nullopt where the wave does not have it.
using Value = std::function<std::optional<double>(const SummaryRow&)>;

/// Over the waves of a case, those that have it.
std::vector<double> values(const CaseResult& result, const Value& value);
/// Three digits, or the whole part, with thousands separators; "never" for an infinite value.
std::string number(double v);
/// The lower median over the waves of a case; nullopt when no wave has the figure.
std::optional<double> median_of(const CaseResult& result, const Value& value);

/// A total of the wave, -1 = not known, divided by its attempts.
Value per_attempt(std::function<int64_t(const SummaryRow&)> total, double scale = 1);
Value cpu_us_per_attempt();
/// Infinitely many for never_ns.
std::optional<double> in_microseconds(const std::optional<int64_t>& ns);
Value microseconds(std::optional<int64_t> Percentiles::*which, Percentiles SummaryRow::*of);

/// "1,500 connected, 3 reset", "all connected": over all waves. "" when no wave was run.
std::string outcomes(const CaseResult& result);

struct Column {
  std::string heading;  ///< of a duration: without its unit
  unsigned rank = 0;    ///< as TextColumn::rank
  std::string meaning{};
  std::function<std::string(const CaseResult&)> cell{};  ///< unless `duration` is set
  Value duration{};  ///< in microseconds: its median, in a unit that the whole column shares
};
Column median_column(std::string heading, unsigned rank, Value value);
Column duration_column(std::string heading, unsigned rank, Value microseconds);
/// Of attempts that end by their deadline, how long after it they end: a percentile of SummaryRow::overshoot.
Column lateness_column(std::string heading, unsigned rank, std::optional<int64_t> Percentiles::*which);
/// The same until the runner has received them: of SummaryRow::reaped_overshoot.
Column reaped_lateness_column(std::string heading, unsigned rank, std::optional<int64_t> Percentiles::*which);
Column cpu_column(unsigned rank);
/// The most threads that were seen in any wave.
Column threads_column(unsigned rank);

/// Open loop, over all waves: offered, started, completed, and not started when they were due.
std::vector<Column> arrival_columns();

/// Adds a column of durations, in microseconds. All its cells have one unit, which stands in the heading: ms or s where
/// even the shortest is long.
void add_durations(TextTable& table, Column column, const std::vector<std::optional<double>>& microseconds);
/// One row per case; the connectors' names stand in the first column.
TextTable table_of(const std::vector<Column>& columns, const std::vector<const CaseResult*>& cases);

/// Whether any of these cases has it.
bool any(const std::vector<const CaseResult*>& cases, const Value& value);
/// The text that most of these have, the first of several; "" for none.
std::string most_common(const std::vector<std::string>& texts);

/// What a wave of a case makes: "2,000 attempts", or "30s" when it has a given time.
std::string amount_of(const PlannedCase& planned);
/// "IPv4", "UNIX"; what people call it.
std::string family_name(Family family);
/// "64 in flight", "64 in flight in 4 shards".
std::string in_flight(const Case& what);

}  // namespace connbench
