// connbench list: what there is to choose from.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <memory>

#include "bench/columns.h"
#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/inventory.h"
#include "bench/list_json.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/units.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

void print_table(std::string_view title, const std::vector<Cells>& rows) {
  fmt::print("{}\n{}", title, align(rows, terminal_columns(STDOUT_FILENO)));
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
  return capabilities.max_in_flight != 0 ? std::to_string(capabilities.max_in_flight) : "-";
}

Cells connector_row(const ConnectorEntry& entry) {
  const CapabilitiesAnswer answer = ask_capabilities_here(entry);
  if (answer.capabilities)
    return {std::string(entry.name), std::string(to_string(answer.capabilities->threads)),
            describe_deadline(*answer.capabilities), most_in_flight(*answer.capabilities), std::string(entry.summary)};
  const std::string what =
      entry.summary.empty() ? answer.why_not : fmt::format("{}; not here: {}", entry.summary, answer.why_not);
  return {std::string(entry.name), "-", "-", "-", what};
}

void print_connectors() {
  std::vector<Cells> rows{{"connector", "threads", "deadline by", "most in flight", ""}};
  for (const ConnectorEntry* entry : all_connectors()) rows.push_back(connector_row(*entry));
  print_table("Ways to connect", rows);
}

// Lists the connectors that have the option, or those that lack it, whichever is shorter.
std::string describe_owners(const SharedOption& option) {
  std::vector<std::string_view> without;
  for (const ConnectorEntry* entry : all_connectors())
    if (std::ranges::count(option.connectors, entry->name) == 0) without.push_back(entry->name);
  if (without.empty()) return "all";
  if (option.connectors.size() <= without.size()) return fmt::format("{}", fmt::join(option.connectors, ", "));
  return fmt::format("all but {}", fmt::join(without, ", "));
}

void print_options() {
  std::vector<Cells> rows{{"option", "values", "default", ""}};
  for (const SharedOption& option : all_options()) {
    const OptionSpec& spec = option.spec;
    rows.push_back({fmt::format("+{}:", spec.name),
                    std::string(spec.choices.empty() ? to_string(spec.kind) : spec.choices),
                    std::string(spec.default_value.empty() ? "-" : spec.default_value),
                    fmt::format("{} ({})", spec.help, describe_owners(option))});
  }
  print_table("\nTheir options, as part of the name: select-threads+stack:1MiB", rows);
}

Cells target_row(const TargetEntry& entry) {
  std::string families;
  for (const Family family : entry.families)
    fmt::format_to(std::back_inserter(families), "{}{}", families.empty() ? "" : ",", to_string(family));
  const std::string colon = entry.parameter.empty() ? "" : ":";
  return {fmt::format("{}{}{}", entry.name, colon, entry.parameter), std::string(entry.default_value), families,
          std::string(network_of(entry)), std::string(entry.summary)};
}

void print_targets() {
  std::vector<Cells> rows{{"target", "by default", "families", "where", ""}};
  for (const TargetEntry* entry : all_target_entries()) rows.push_back(target_row(*entry));
  print_table("\nTargets (the lab: the run's own network namespaces; connbench doctor says whether they can be made)",
              rows);
}

void print_scenarios() {
  std::vector<Cells> rows{{"scenario", "--arrival", ""}};
  for (const ScenarioEntry* entry : all_scenarios())
    rows.push_back({std::string(entry->name), std::string(entry->arrivals), std::string(entry->summary)});
  print_table("\nScenarios", rows);
}

int list(const std::string& format) {
  if (one_of("--format", format, {"text", "json"}) == "json") {
    fmt::print("{}", inventory_json());
    return done;
  }
  print_connectors();
  print_options();
  print_targets();
  print_scenarios();
  return done;
}

}  // namespace

Command list_command() {
  auto format = std::make_shared<std::string>("text");
  return {.name = "list",
          .summary = "connectors, their options, targets and scenarios",
          .groups = {{"Options",
                      {{.name = "--format",
                        .value = "FORM",
                        .destination = format.get(),
                        .help = "text, or json: for programs, with the columns of the records."}}}},
          .notes = {"Without --format json, connectors that cannot be used here say why. Exit status: 0 done, 2 "
                    "unusable arguments."},
          .examples = {{"The connectors that hold more than 1,000 attempts with one thread",
                        "connbench list --format json | jq -r '.connectors[] | select(.capabilities.threads==\"none\") "
                        "| .name'"}},
          .run = [format] { return list(*format); }};
}

}  // namespace connbench
