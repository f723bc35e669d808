#include "bench/doctor_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/support/joined.h"
#include "harness/support/text_table.h"

namespace connbench {
namespace {

size_t widest(const std::vector<Finding>& findings, std::string Finding::*part) {
  size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, display_width(finding.*part));
  return width;
}

// Three columns where they fit. Otherwise each remedy has lines of its own: it often is a command, which nobody can
// copy from a narrow column.
std::string table_of(const std::vector<Finding>& findings, TableWriter& writer) {
  const size_t subject = widest(findings, &Finding::subject), value = widest(findings, &Finding::value);
  constexpr size_t gaps = 6;
  const bool three = subject + value + widest(findings, &Finding::remedy) + gaps <= writer.width();
  TextTable table{.columns = {{.heading = "", .least = 20}, {.heading = "", .least = 20}}};
  if (three) table.columns.push_back({.heading = ""});
  for (const Finding& finding : findings) {
    if (!three && !finding.remedy.empty()) table.notes[table.rows()] = {finding.remedy};
    table.add_row(three ? Cells{finding.subject, finding.value, finding.remedy}
                        : Cells{finding.subject, finding.value});
  }
  return writer.table(table);
}

std::string fitness_text(const Fitness& fitness, TableWriter& writer) {
  std::string text = writer.paragraph(fitness.unfit.empty() ? "Fit to measure? Nothing at this moment says otherwise"
                                                            : "Fit to measure? No:");
  for (const std::string& reason : fitness.unfit) text += writer.paragraph("  " + reason, 4);
  return text + table_of(fitness.findings, writer);
}

// Connectors that are skipped for the same reason share a line; so do all that work.
std::string connector_lines(const std::vector<ConnectorFinding>& connectors, const TableWriter& writer) {
  struct Group {
    std::string skip_reason;
    std::vector<std::string_view> names;
  };
  std::vector<Group> groups{{"", {}}};  // those that work come first
  for (const ConnectorFinding& connector : connectors) {
    auto group = std::ranges::find(groups, connector.skip_reason, &Group::skip_reason);
    if (group == groups.end()) group = groups.insert(groups.end(), {connector.skip_reason, {}});
    group->names.push_back(connector.name);
  }
  std::string text;
  for (const auto& [reason, names] : groups) {
    if (names.empty()) continue;
    const std::string line = reason.empty() ? fmt::format("  {} work: {}", names.size(), joined(names, ", "))
                                            : fmt::format("  skipped: {}: {}", joined(names, ", "), reason);
    text += writer.paragraph(line, 4);
  }
  return text;
}

}  // namespace

std::string doctor_screen(const Diagnosis& diagnosis, size_t width) {
  TableWriter writer(width);
  std::string text = writer.paragraph("This machine") + table_of(diagnosis.machine, writer) + "\n";
  text += fitness_text(diagnosis.fitness, writer) + "\n";
  text += writer.paragraph("At a host that never answers") + table_of(diagnosis.capacity, writer) + "\n";
  return text + writer.paragraph("Connectors") + connector_lines(diagnosis.connectors, writer);
}

}  // namespace connbench
