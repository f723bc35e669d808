#include "bench/fleet_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/columns.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

// "fleet:accepting=90,blackhole=10:poisson:5000/s" → "poisson:5000/s"; "" in closed loop.
std::string arrival_of(const PlannedCase& planned) {
  const std::string closed = fleet_load(*planned.mix, "closed");
  return planned.load == closed ? "" : planned.load.substr(closed.size() + 1);
}

bool same_block(const PlannedCase& a, const PlannedCase& b) {
  return a.what.family == b.what.family && a.what.concurrency == b.what.concurrency &&
         a.what.timeout == b.what.timeout && arrival_of(a) == arrival_of(b);
}

// One target's part of a fleet's waves.
CaseResult part_of(const CaseResult& fleet, size_t target) {
  CaseResult part{fleet.planned, {}, {}};
  for (const SummaryRow& row : fleet.rows) part.rows.push_back(row.by_target[target]);
  return part;
}

std::string all_outcomes_of(const CaseResult& fleet) {
  std::string text;
  const auto targets = fleet.planned->targets();
  for (size_t i = 0; i < targets.size(); ++i)
    fmt::format_to(std::back_inserter(text), "{}{}: {}", text.empty() ? "" : "; ", targets[i]->name,
                   outcomes(part_of(fleet, i)));
  if (!fleet.failures.empty()) fmt::format_to(std::back_inserter(text), " (FAILED: {})", fleet.failures.front());
  return text;
}

std::vector<Column> columns_of_healthy(bool open_loop) {
  // A wave in which nothing succeeded has a rate of nothing: it stays in the median.
  std::vector<Column> columns{
      median_column("connects/s",
                    [](const SummaryRow& row) { return std::optional<double>(row.connects_per_s.value_or(0)); }),
      median_column("connect p50 us", microseconds(&Percentiles::p50, &SummaryRow::connecting)),
      median_column("p99 us", microseconds(&Percentiles::p99, &SummaryRow::connecting)),
      median_column("response p50 us", microseconds(&Percentiles::p50, &SummaryRow::response)),
      median_column("p99 us", microseconds(&Percentiles::p99, &SummaryRow::response))};
  if (open_loop)
    for (Column& column : arrival_columns()) columns.push_back(std::move(column));
  return columns;
}

void add_rows(std::vector<Cells>& rows, const CaseResult& fleet, const std::vector<Column>& columns) {
  const auto targets = fleet.planned->targets();
  for (size_t i = 0; i < targets.size(); ++i) {
    if (!can_connect(*targets[i], fleet.planned->what.family)) continue;
    Cells& cells =
        rows.emplace_back(Cells{fleet.planned->what.connector, fleet.planned->mix->name(), targets[i]->name});
    const CaseResult healthy = part_of(fleet, i);
    for (const Column& column : columns) cells.push_back(column.cell(healthy));
    cells.push_back(threads_column().cell(fleet));
    cells.push_back(all_outcomes_of(fleet));
  }
}

std::string heading(const std::vector<const CaseResult*>& block) {
  const PlannedCase& planned = *block.front()->planned;
  size_t repetitions = 0;
  for (const CaseResult* result : block) repetitions = std::max(repetitions, result->rows.size());
  const std::string arrival = arrival_of(planned);
  return fmt::format("fleet ({}{}), {}, {} in flight, timeout {}, {} x {} attempts",
                     planned.what.family == Family::unix_domain ? "" : "IPv", to_string(planned.what.family),
                     arrival.empty() ? "closed loop" : arrival, planned.what.concurrency,
                     format_duration(planned.what.timeout), repetitions, planned.what.attempts);
}

// Connector by connector; of one connector, as it was asked for.
std::string block_table(std::vector<const CaseResult*> block) {
  std::vector<std::string> order;
  for (const CaseResult* result : block)
    if (std::ranges::count(order, result->planned->what.connector) == 0)
      order.push_back(result->planned->what.connector);
  std::ranges::stable_sort(block, {}, [&](const CaseResult* result) {
    return std::ranges::find(order, result->planned->what.connector) - order.begin();
  });
  const auto columns = columns_of_healthy(!arrival_of(*block.front()->planned).empty());
  std::vector<Cells> rows{{"connector", "mix", "healthy"}};
  for (const Column& column : columns) rows.front().push_back(column.heading);
  rows.front().emplace_back("threads");
  rows.front().emplace_back("outcome");
  for (const CaseResult* result : block) add_rows(rows, *result, columns);
  return fmt::format("{}\n{}\n", heading(block), align(rows));
}

}  // namespace

std::string fleet_tables(const std::vector<CaseResult>& results) {
  std::vector<std::vector<const CaseResult*>> blocks;
  for (const CaseResult& result : results) {
    if (result.planned->mix == nullptr) continue;
    const auto its_own = std::ranges::find_if(
        blocks, [&](const auto& block) { return same_block(*block.front()->planned, *result.planned); });
    if (its_own == blocks.end())
      blocks.push_back({&result});
    else
      its_own->push_back(&result);
  }
  std::string text;
  for (const auto& block : blocks) text += block_table(block);
  return text;
}

}  // namespace connbench
