// connbench list: what there is to choose from.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "bench/columns.h"
#include "bench/commands.h"
#include "harness/connector/registry.h"
#include "harness/run/plan.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/units.h"
#include "harness/support/wrapped.h"
#include "harness/targets/external.h"
#include "harness/targets/target.h"

namespace connbench {
namespace {

// scripts/exact reads it, too.
std::string describe_deadline(const Capabilities& capabilities) {
  std::string text(to_string(capabilities.deadline_by));
  if (capabilities.floor > capabilities.granularity) text += ", not before " + format_duration(capabilities.floor);
  if (capabilities.granularity > std::chrono::microseconds(1))
    text += ", steps of " + format_duration(capabilities.granularity);
  return text;
}

// What it says of itself, or why there is none here.
CapabilitiesAnswer ask(const ConnectorEntry& entry) {
  const NamedConnector connector = find_connector(entry.name);
  Retirement retirement({}, 0);
  if (auto reason = entry.probe({connector.options, 1, retirement})) return {std::nullopt, *std::move(reason)};
  CapabilitiesAnswer answer = ask_capabilities(connector);
  if (!answer.capabilities) answer.why_not.insert(0, "cannot be made: ");
  return answer;
}

void print_connectors() {
  std::vector<std::vector<std::string>> rows{{"connector", "threads", "deadline by", "most in flight", ""}};
  for (const ConnectorEntry* entry : all_connectors()) {
    const CapabilitiesAnswer answer = ask(*entry);
    if (!answer.capabilities) {
      const std::string what =
          entry->summary.empty() ? answer.why_not : fmt::format("{}; not here: {}", entry->summary, answer.why_not);
      rows.push_back({std::string(entry->name), "-", "-", "-", what});
      continue;
    }
    const Capabilities& capabilities = *answer.capabilities;
    rows.push_back({std::string(entry->name), std::string(to_string(capabilities.threads)),
                    describe_deadline(capabilities),
                    capabilities.completes_in_submit  ? "1"
                    : capabilities.max_in_flight != 0 ? std::to_string(capabilities.max_in_flight)
                                                      : "-",
                    std::string(entry->summary)});
  }
  fmt::print("Ways to connect\n{}\n", align(rows, terminal_columns(STDOUT_FILENO)));
}

bool has_option(const ConnectorEntry& entry, const OptionSpec& option) {
  return std::ranges::any_of(entry.options, [&](const OptionSpec& own) { return own == option; });
}

// Whichever is shorter: those that have it, or those that have not.
std::string describe_owners(const OptionSpec& option) {
  std::vector<std::string_view> with;
  std::vector<std::string_view> without;
  for (const ConnectorEntry* entry : all_connectors())
    (has_option(*entry, option) ? with : without).push_back(entry->name);
  if (with.size() <= without.size()) return fmt::format("{}", fmt::join(with, ", "));
  return without.empty() ? "all" : fmt::format("all but {}", fmt::join(without, ", "));
}

// An option that several connectors have is one row.
void print_options() {
  std::vector<std::vector<std::string>> rows{{"option", "values", "default", ""}};
  const auto add = [&rows](const OptionSpec& spec, std::string_view owners) {
    rows.push_back({fmt::format("+{}:", spec.name),
                    std::string(spec.choices.empty() ? to_string(spec.kind) : spec.choices),
                    std::string(spec.default_value.empty() ? "-" : spec.default_value),
                    fmt::format("{} ({})", spec.help, owners)});
  };
  std::vector<OptionSpec> seen;
  for (const ConnectorEntry* entry : all_connectors())
    for (const OptionSpec& spec : entry->options) {
      if (std::ranges::find(seen, spec) != seen.end()) continue;
      seen.push_back(spec);
      add(spec, describe_owners(spec));
    }
  for (const OptionSpec& spec : common_options) add(spec, "all");
  fmt::print("Their options, as part of the name: select-threads+stack:1MiB\n{}\n",
             align(rows, terminal_columns(STDOUT_FILENO)));
}

void print_targets() {
  std::vector<std::vector<std::string>> rows{{"target", "by default", "families", "where", ""}};
  const auto row = [&](const TargetEntry& entry) {
    std::string families;
    for (const Family family : entry.families)
      fmt::format_to(std::back_inserter(families), "{}{}", families.empty() ? "" : ",", to_string(family));
    const std::string colon = entry.parameter.empty() ? "" : ":";
    rows.push_back({fmt::format("{}{}{}", entry.name, colon, entry.parameter), std::string(entry.default_value),
                    families,
                    entry.needs_lab              ? "lab"
                    : &entry == &external_target ? "outside"
                                                 : "loopback",
                    std::string(entry.summary)});
  };
  for (const TargetEntry* entry : all_targets()) row(*entry);
  row(external_target);
  fmt::print(
      "Targets (the lab: network namespaces of the run's own; connbench doctor says whether they can be made)\n{}\n",
      align(rows, terminal_columns(STDOUT_FILENO)));
}

void print_scenarios() {
  std::vector<std::vector<std::string>> rows{{"scenario", "--arrival", ""}};
  for (const ScenarioEntry* entry : all_scenarios())
    rows.push_back({std::string(entry->name), std::string(entry->arrivals), std::string(entry->summary)});
  fmt::print("Scenarios\n{}", align(rows, terminal_columns(STDOUT_FILENO)));
}

}  // namespace

void add_list(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("list", "connectors, targets and scenarios");
  command->callback([&status] {
    print_connectors();
    print_options();
    print_targets();
    print_scenarios();
    status = done;
  });
}

}  // namespace connbench
