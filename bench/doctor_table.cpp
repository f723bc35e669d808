#include "bench/doctor_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/support/joined.h"
#include "harness/support/text_table.h"

namespace connbench {
namespace {

TextTable table_of(const std::vector<Finding>& findings) {
  TextTable table{
      .columns = {{.heading = "", .least = 20}, {.heading = "", .least = 20}, {.heading = "", .least = 24}}};
  for (const Finding& finding : findings) table.add_row({finding.subject, finding.value, finding.remedy});
  return table;
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
  return writer.paragraph("This machine") + writer.table(table_of(diagnosis.machine)) + "\n" +
         writer.paragraph("At a host that never answers") + writer.table(table_of(diagnosis.capacity)) + "\n" +
         writer.paragraph("Connectors") + connector_lines(diagnosis.connectors, writer);
}

}  // namespace connbench
