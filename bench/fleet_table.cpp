#include "bench/fleet_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/columns.h"
#include "bench/skip_lines.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using Block = std::vector<const CaseResult*>;

// "fleet:accepting=90,blackhole=10:poisson:5000/s" → "poisson:5000/s"; "" in closed loop.
std::string arrival_of(const PlannedCase& planned) {
  const std::string closed = fleet_load(*planned.mix, "closed");
  return planned.load == closed ? "" : planned.load.substr(closed.size() + 1);
}

bool same_block(const PlannedCase& a, const PlannedCase& b) {
  return a.what.family == b.what.family && a.what.concurrency == b.what.concurrency &&
         a.what.timeout == b.what.timeout && arrival_of(a) == arrival_of(b);
}

// One target's part of a fleet's waves. The threads were there for all targets.
CaseResult part_of(const CaseResult& fleet, size_t target) {
  CaseResult part{fleet.planned, {}, {}};
  for (const SummaryRow& row : fleet.rows) {
    part.rows.push_back(row.by_target[target]);
    part.rows.back().peak = row.peak;
  }
  return part;
}

// One line of the table.
struct Line {
  const CaseResult* fleet;
  std::string target;
  CaseResult healthy;
};

std::vector<Line> lines_of(const Block& block) {
  std::vector<Line> lines;
  for (const CaseResult* fleet : block) {
    const auto targets = fleet->planned->targets();
    for (size_t i = 0; i < targets.size(); ++i)
      if (can_connect(*targets[i], fleet->planned->what.family))
        lines.push_back({fleet, targets[i]->name, part_of(*fleet, i)});
  }
  return lines;
}

std::vector<Column> columns_of_healthy(bool open_loop) {
  // A wave in which nothing succeeded has a rate of zero, and counts in the median.
  const Value rate = [](const SummaryRow& row) { return std::optional<double>(row.connects_per_s.value_or(0)); };
  std::vector<Column> columns{
      median_column("connects/s", 1, rate),
      duration_column("connect\np50", 5, microseconds(&Percentiles::p50, &SummaryRow::connecting)),
      duration_column("connect\np99", 4, microseconds(&Percentiles::p99, &SummaryRow::connecting)),
      duration_column("response\np50", 3, microseconds(&Percentiles::p50, &SummaryRow::response)),
      duration_column("response\np99", 2, microseconds(&Percentiles::p99, &SummaryRow::response))};
  if (open_loop) std::ranges::move(arrival_columns(), std::back_inserter(columns));
  columns.push_back(threads_column(3));
  return columns;
}

bool several_mixes(const Block& block) {
  return std::ranges::any_of(
      block, [&](const CaseResult* fleet) { return fleet->planned->mix != block.front()->planned->mix; });
}

std::string heading(const Block& block) {
  const PlannedCase& planned = *block.front()->planned;
  size_t repetitions = 0;
  for (const CaseResult* result : block) repetitions = std::max(repetitions, result->rows.size());
  const std::string arrival = arrival_of(planned);
  return fmt::format("fleet{} ({}), {}, {}, timeout {}, {} x {}; figures of the hosts that answer",
                     several_mixes(block) ? "" : fmt::format(" {}", planned.mix->name()),
                     family_name(planned.what.family), arrival.empty() ? "closed loop" : arrival,
                     in_flight(planned.what), format_duration(planned.what.timeout), repetitions, amount_of(planned));
}

// With several mixes each connector has a title, and the mixes are the first column.
TextTable table_of_lines(const std::vector<Line>& lines, const Block& block) {
  std::vector<const CaseResult*> cases;
  bool several_healthy = false;
  for (const Line& line : lines) {
    several_healthy = several_healthy || (!cases.empty() && line.fleet == (&line - 1)->fleet);
    cases.push_back(&line.healthy);
  }
  TextTable table = table_of(columns_of_healthy(!arrival_of(*block.front()->planned).empty()), cases);
  if (several_mixes(block)) {
    table.columns.front() = {.heading = "  mix", .least = 26};
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::string& connector = lines[i].fleet->planned->what.connector;
      if (i == 0 || connector != lines[i - 1].fleet->planned->what.connector) table.titles[i] = connector;
      table.columns.front().cells.push_back(fmt::format("  {}", lines[i].fleet->planned->mix->name()));
    }
  }
  if (several_healthy) {
    TextColumn healthy{.heading = "healthy", .least = 12};
    for (const Line& line : lines) healthy.cells.push_back(line.target);
    table.columns.insert(table.columns.begin() + 1, std::move(healthy));
  }
  return table;
}

// How the attempts at one target usually ended.
struct Usual {
  std::string target, outcomes;
};

std::vector<Usual> usual_outcomes(const Block& block) {
  std::vector<Usual> usual;
  std::map<std::string, std::vector<std::string>> texts;
  for (const CaseResult* fleet : block) {
    if (!fleet->planned->capabilities.opens_sockets) continue;
    const auto targets = fleet->planned->targets();
    for (size_t i = 0; i < targets.size(); ++i) {
      if (!texts.contains(targets[i]->name)) usual.push_back({targets[i]->name, ""});
      texts[targets[i]->name].push_back(outcomes(part_of(*fleet, i)));
    }
  }
  for (Usual& one : usual) one.outcomes = most_common(texts[one.target]);
  return usual;
}

// What ended otherwise than usual, target by target; "" = nothing did.
std::string unusual_outcomes(const CaseResult& fleet, const std::vector<Usual>& usual) {
  if (!fleet.planned->capabilities.opens_sockets) return "";
  std::string text;
  const auto targets = fleet.planned->targets();
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::string own = outcomes(part_of(fleet, i));
    const auto same = [&](const Usual& one) { return one.target == targets[i]->name && one.outcomes == own; };
    if (std::ranges::none_of(usual, same))
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", targets[i]->name, own);
  }
  return text;
}

std::string add_outcomes(TextTable& table, const std::vector<Line>& lines, const Block& block) {
  const std::vector<Usual> usual = usual_outcomes(block);
  bool otherwise = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const CaseResult& fleet = *lines[i].fleet;
    if (i + 1 < lines.size() && lines[i + 1].fleet == &fleet) continue;  // below the last line of each
    if (std::string text = unusual_outcomes(fleet, usual); !text.empty()) {
      table.notes[i].push_back(std::move(text));
      otherwise = true;
    }
    if (!fleet.failures.empty()) table.notes[i].push_back("FAILED: " + fleet.failures.front());
  }
  std::string text;
  for (const Usual& one : usual)
    text += fmt::format("{}{}: {}", text.empty() ? "outcomes: " : "; ", one.target, one.outcomes);
  return otherwise ? text + ", unless a line below says otherwise" : text;
}

// Connector by connector, in the order in which they were asked for; so are the mixes of each.
void sort_by_connector(Block& block) {
  std::vector<std::string> order;
  for (const CaseResult* result : block)
    if (std::ranges::count(order, result->planned->what.connector) == 0)
      order.push_back(result->planned->what.connector);
  std::ranges::stable_sort(block, {}, [&](const CaseResult* result) {
    return std::ranges::find(order, result->planned->what.connector) - order.begin();
  });
}

std::string block_table(const Block& all, TableWriter& writer) {
  Block block;
  std::vector<std::string> not_run;
  for (const CaseResult* result : all) {
    if (!result->rows.empty())
      block.push_back(result);
    else
      not_run.push_back(fmt::format("{} on {}", result->planned->what.connector, result->planned->mix->name()));
  }
  std::string text = writer.paragraph(heading(all));
  if (!block.empty()) {
    sort_by_connector(block);
    const std::vector<Line> lines = lines_of(block);
    TextTable table = table_of_lines(lines, block);
    text += writer.paragraph(add_outcomes(table, lines, block));
    if (!lines.empty()) text += writer.table(table);
  }
  for (const std::string& name : not_run) text += writer.paragraph("  not run: " + name, 4);
  return text + "\n";
}

}  // namespace

std::string fleet_tables(const std::vector<CaseResult>& results, TableWriter& writer) {
  std::vector<Block> blocks;
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
  for (const Block& block : blocks) text += block_table(block, writer);
  return text;
}

}  // namespace connbench
