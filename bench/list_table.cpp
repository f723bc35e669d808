#include "bench/list_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/support/joined.h"
#include "harness/support/text_table.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr size_t least_text = 24;  // a narrower column is harder to read than a table without the last column

TextColumn words(std::string heading, unsigned rank = 0, size_t least = 0) {
  return {.heading = std::move(heading), .rank = rank, .least = least};
}

std::string describe_deadline(const Capabilities& capabilities) {
  std::string text(to_string(capabilities.deadline_by));
  if (capabilities.floor > capabilities.granularity) text += ", not before " + format_duration(capabilities.floor);
  if (capabilities.granularity > std::chrono::microseconds(1))
    text += ", steps of " + format_duration(capabilities.granularity);
  return text;
}

std::string most_in_flight(const Capabilities& capabilities) {
  if (capabilities.completes_in_submit) return "1";
  return capabilities.max_in_flight == 0 ? "-" : grouped(capabilities.max_in_flight);
}

Cells cells_of(const ListedConnector& connector) {
  const ConnectorEntry& entry = *connector.entry;
  if (!connector.answer.capabilities) {
    const std::string& why_not = connector.answer.why_not;
    return {std::string(entry.name), "-", "-", "-",
            entry.summary.empty() ? why_not : fmt::format("{}; not here: {}", entry.summary, why_not)};
  }
  const Capabilities& capabilities = *connector.answer.capabilities;
  return {std::string(entry.name), std::string(to_string(capabilities.threads)), describe_deadline(capabilities),
          most_in_flight(capabilities), std::string(entry.summary)};
}

TextTable connector_table(const Listing& listing) {
  TextTable table{.columns = {words("connector"), words("threads", 2), words("deadline by", 1, 16),
                              words("most\nin flight", 3), words("", 0, least_text)}};
  for (const ListedConnector& connector : listing.connectors) table.add_row(cells_of(connector));
  return table;
}

// The connectors that have the option, or those that lack it, whichever list is shorter.
std::string describe_owners(const Listing& listing, const SharedOption& option) {
  std::vector<std::string_view> without;
  for (const ListedConnector& connector : listing.connectors)
    if (std::ranges::count(option.connectors, connector.entry->name) == 0) without.push_back(connector.entry->name);
  if (without.empty()) return "all";
  if (option.connectors.size() <= without.size()) return joined(option.connectors, ", ");
  return fmt::format("all but {}", joined(without, ", "));
}

TextTable option_table(const Listing& listing) {
  TextTable table{.columns = {words("option"), words("values", 0, 12), words("default"), words("", 0, least_text)}};
  for (const SharedOption& option : listing.options) {
    const OptionSpec& spec = option.spec;
    table.add_row({fmt::format("+{}:", spec.name),
                   std::string(spec.choices.empty() ? to_string(spec.kind) : spec.choices),
                   std::string(spec.default_value.empty() ? "-" : spec.default_value),
                   fmt::format("{} ({})", spec.help, describe_owners(listing, option))});
  }
  return table;
}

TextTable target_table(const Listing& listing) {
  TextTable table{.columns = {words("target"), words("by default", 2), words("families", 1), words("where"),
                              words("", 0, least_text)}};
  for (const TargetEntry* entry : listing.targets) {
    std::vector<std::string_view> families;
    for (const Family family : entry->families) families.push_back(to_string(family));
    const std::string colon = entry->parameter.empty() ? "" : ":";
    table.add_row({fmt::format("{}{}{}", entry->name, colon, entry->parameter), std::string(entry->default_value),
                   joined(families, ","), std::string(network_of(*entry)), std::string(entry->summary)});
  }
  return table;
}

TextTable scenario_table(const Listing& listing) {
  TextTable table{.columns = {words("scenario"), words("--arrival", 0, 16), words("", 0, least_text)}};
  for (const ScenarioEntry* entry : listing.scenarios)
    table.add_row({std::string(entry->name), std::string(entry->arrivals), std::string(entry->summary)});
  return table;
}

}  // namespace

std::string list_screen(const Listing& listing, size_t width) {
  TableWriter writer(width);
  std::string text = writer.paragraph("Connectors") + writer.table(connector_table(listing)) + "\n";
  text += writer.paragraph("Their options, as part of the name: select-threads+stack:1MiB");
  text += writer.table(option_table(listing)) + "\n";
  text += writer.paragraph(
      "Targets (the lab: the run's own network namespaces; connbench doctor says whether they can be made)");
  text += writer.table(target_table(listing)) + "\n";
  text += writer.paragraph("Scenarios") + writer.table(scenario_table(listing));
  return text + writer.closing("connbench list --format json");
}

}  // namespace connbench
