#include "bench/exhaust_table.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "bench/columns.h"
#include "bench/skip_lines.h"

namespace connbench {
namespace {

using Ramps = std::vector<const Verdict*>;

std::optional<double> us(int64_t ns) {
  return ns < 0 ? std::nullopt : std::optional(static_cast<double>(ns) / 1e3);
}

// What a pending attempt holds: the difference from before the first of them.
std::string each(const Verdict& verdict, int64_t Holding::*part) {
  if (!verdict.first || !verdict.result.last || verdict.result.last->pending == 0) return "-";
  const int64_t before = verdict.first->holding.*part;
  const int64_t after = verdict.result.last->holding.*part;
  if (before < 0 || after < 0) return "-";
  return number(static_cast<double>(after - before) / static_cast<double>(verdict.result.last->pending));
}

std::string stopped_by(const RampEnd& end) {
  const char* error = end.os_error == 0 ? nullptr : ::strerrorname_np(end.os_error);
  const std::string with = error == nullptr ? "" : fmt::format(": {}", error);
  switch (end.stopped) {
    case Stopped::nothing:
      return "nothing";
    case Stopped::exhausted:
      return fmt::format("{}{}", end.call, with);
    case Stopped::full:
      return "its own limit";
    case Stopped::threw:
      return fmt::format("threw {}{}", end.call, with);
    case Stopped::out_of_time:
      return "time";
    case Stopped::asked:
      break;
  }
  return "request";
}

// What no figure can say.
Cells notes_of(const Verdict& verdict) {
  if (verdict.interrupted) return {"interrupted"};
  if (!verdict.result.failure.empty()) return {"FAILED: " + verdict.result.failure};
  const RampEnd& end = verdict.result.end;
  Cells notes;
  if (end.stopped == Stopped::nothing && end.ended_otherwise != 0)
    notes.push_back(fmt::format("{} dead attempts ended {}", grouped(end.ended_otherwise), to_string(end.otherwise)));
  if (end.stopped == Stopped::threw) return notes;
  if (end.healthy_tried == 0)
    notes.emplace_back("beside them: not tried, deadlines had passed");
  else if (end.healthy_connected == 0)
    notes.push_back(fmt::format("beside them: none of {} got through", grouped(end.healthy_tried)));
  else if (end.healthy_p50_ns < 0)
    notes.push_back(fmt::format("beside them: {} of {} got through, too few for p50", grouped(end.healthy_connected),
                                grouped(end.healthy_tried)));
  if (end.recovery_released_ns < 0 && end.healthy_tried > 0)
    notes.push_back(fmt::format("afterwards: no healthy connect got through within {:g} s",
                                static_cast<double>(end.recovery_limit_ns) / 1e9));
  return notes;
}

class RampTable {
 public:
  explicit RampTable(const Ramps& ramps) : ramps_(ramps) {}

  TextTable make() {
    add({.heading = "connector", .least = 20}, [](const Verdict& v) { return v.name.connector; });
    if (std::ranges::any_of(ramps_, [](const Verdict* v) { return v->name.repetition > 1; }))
      add(figure("repetition", 6), [](const Verdict& v) { return std::to_string(v.name.repetition); });
    add(figure("limit", 7), [](const Verdict& v) {
      return v.name.resource == "memory" ? fmt::format("{} MiB", grouped(v.name.limit >> 20)) : grouped(v.name.limit);
    });
    TextColumn pending = figure("pending", 1);
    pending.meaning =
        "pending: the most dead attempts at one time, each from when the connector took it until it handed it back";
    add(std::move(pending), [](const Verdict& v) { return ran(v) ? grouped(v.result.end.most_pending) : "-"; });
    add({.heading = "stopped by", .rank = 1, .least = 16},
        [](const Verdict& v) { return ran(v) ? stopped_by(v.result.end) : "-"; });
    TextColumn rss = figure("memory\nKiB each", 5);
    rss.meaning =
        "KiB each: what grew per pending attempt, without what the connector had reserved; the kernel's grows with "
        "whatever else the machine does";
    add(std::move(rss), [](const Verdict& v) { return each(v, &Holding::rss_kib); });
    add(figure("kernel\nKiB each", 5), [](const Verdict& v) { return each(v, &Holding::kernel_kib); });
    durations("before\np50", 4, &RampEnd::unloaded_p50_ns);
    durations("before\np99", 6, &RampEnd::unloaded_p99_ns);
    durations("beside\np50", 3, &RampEnd::healthy_p50_ns);
    durations("beside\np99", 3, &RampEnd::healthy_p99_ns);
    table_.columns.back().meaning =
        "before, beside: connects to a host that answers, one after the other, before the dead attempts and while they "
        "are pending";
    durations("healthy\nagain", 2, &RampEnd::recovery_released_ns);
    table_.columns.back().meaning =
        "healthy again: from when the dead attempts were let go, by their deadline or by cancelling them, until a "
        "healthy connect got through";
    add({.heading = "let go\nby", .rank = 4}, [](const Verdict& v) {
      if (!ran(v) || v.result.end.stopped == Stopped::threw) return "-";
      return v.result.end.by_deadline ? "deadline" : "cancel";
    });
    return std::move(table_);
  }

 private:
  static bool ran(const Verdict& verdict) { return verdict.result.failure.empty(); }
  static TextColumn figure(std::string heading, unsigned rank) {
    return {.heading = std::move(heading), .align = Align::right, .rank = rank};
  }

  template <class Cell>
  void add(TextColumn column, Cell cell) {
    for (const Verdict* verdict : ramps_) column.cells.emplace_back(cell(*verdict));
    table_.columns.push_back(std::move(column));
  }

  void durations(std::string heading, unsigned rank, int64_t RampEnd::*of) {
    std::vector<std::optional<double>> all;
    for (const Verdict* verdict : ramps_) all.push_back(ran(*verdict) ? us(verdict->result.end.*of) : std::nullopt);
    add_durations(table_, {.heading = std::move(heading), .rank = rank}, all);
  }

  const Ramps& ramps_;
  TextTable table_;
};

// Skips with the same reason share a line.
std::string skips(const std::vector<Verdict>& verdicts, const TableWriter& writer) {
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
  std::vector<std::string> connectors;
  for (const Verdict& verdict : verdicts) {
    if (std::ranges::find(connectors, verdict.name.connector) == connectors.end())
      connectors.push_back(verdict.name.connector);
    if (verdict.skipped.empty()) continue;
    const auto known = std::ranges::find(reasons, verdict.skipped, [](const auto& reason) { return reason.first; });
    (known == reasons.end() ? reasons.emplace_back(verdict.skipped, Cells{}) : *known)
        .second.push_back(verdict.name.connector);
  }
  std::string text;
  for (const auto& [reason, names] : reasons)
    text += writer.paragraph(fmt::format("skipped for {}: {}", some_connectors(names, connectors.size()), reason), 4);
  return text;
}

}  // namespace

std::string verdict_table(const std::vector<Verdict>& verdicts, size_t width) {
  TableWriter writer(width);
  Ramps ramps;
  for (const Verdict& verdict : verdicts)
    if (verdict.skipped.empty()) ramps.push_back(&verdict);
  std::string text;
  if (!ramps.empty()) {
    TextTable table = RampTable(ramps).make();
    for (size_t i = 0; i < ramps.size(); ++i) table.notes[i] = notes_of(*ramps[i]);
    text = writer.table(table) + "\n";
  }
  return text + skips(verdicts, writer) + writer.closing("exhaustion.csv");
}

}  // namespace connbench
