// connbench list: what there is to choose from.
#include <fmt/format.h>

#include "bench/commands.h"
#include "bench/table.h"
#include "harness/lab/target.h"
#include "harness/registry.h"
#include "harness/scenarios/scenario.h"
#include "harness/units.h"

namespace connbench {
namespace {

std::string describe_deadline(const Traits& traits) {
  std::string text(to_string(traits.deadline_by));
  if (traits.granularity > std::chrono::microseconds(1)) text += ", steps of " + format_duration(traits.granularity);
  return text;
}

void print_connectors() {
  std::vector<std::vector<std::string>> rows{{"connector", "threads", "deadline by", "most in flight", ""}};
  std::vector<std::vector<std::string>> options{{"option", "values", "default", ""}};
  for (const ConnectorEntry* entry : connectors()) {
    Retirement retirement({}, 0);
    if (const auto reason = entry->probe({Options("", entry->options), 1, retirement})) {
      const std::string what =
          entry->summary.empty() ? *reason : fmt::format("{}; not here: {}", entry->summary, *reason);
      rows.push_back({std::string(entry->name), "-", "-", "-", what});
      continue;
    }
    const Traits traits = entry->make({Options("", entry->options), 1, retirement})->traits();
    rows.push_back({std::string(entry->name), std::string(to_string(traits.threads)), describe_deadline(traits),
                    traits.completes_in_submit  ? "1"
                    : traits.max_in_flight != 0 ? std::to_string(traits.max_in_flight)
                                                : "-",
                    std::string(entry->summary)});
    for (const OptionSpec& spec : entry->options)
      options.push_back({fmt::format("{}+{}:", entry->name, spec.name),
                         std::string(spec.choices.empty() ? to_string(spec.kind) : spec.choices),
                         std::string(spec.fallback), std::string(spec.help)});
  }
  fmt::print("Ways to connect\n{}\n", align(rows));
  if (options.size() > 1)
    fmt::print("Their options, as part of the name: select-threads+stack:1MiB\n{}\n", align(options));
}

void print_targets() {
  std::vector<std::vector<std::string>> rows{{"target", "families", ""}};
  for (const TargetEntry* entry : targets()) {
    std::string families;
    for (const Family family : entry->families)
      fmt::format_to(std::back_inserter(families), "{}{}", families.empty() ? "" : ",", to_string(family));
    rows.push_back({std::string(entry->name), families, std::string(entry->summary)});
  }
  fmt::print("Targets, on loopback\n{}\n", align(rows));
}

void print_scenarios() {
  std::vector<std::vector<std::string>> rows{{"scenario", "--arrival", ""}};
  for (const ScenarioEntry* entry : scenarios())
    rows.push_back({std::string(entry->name), std::string(entry->arrivals), std::string(entry->summary)});
  fmt::print("Scenarios\n{}", align(rows));
}

}  // namespace

void add_list(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("list", "connectors, targets and scenarios");
  command->callback([&status] {
    print_connectors();
    print_targets();
    print_scenarios();
    status = done;
  });
}

}  // namespace connbench
