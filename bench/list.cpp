// connbench list: what there is to choose from.
#include <fmt/format.h>

#include <memory>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/list_json.h"
#include "bench/list_table.h"
#include "bench/screen.h"

namespace connbench {
namespace {

Listing listing() {
  describe_programs();
  Listing all{
      .connectors = {}, .options = all_options(), .targets = all_target_entries(), .scenarios = all_scenarios()};
  for (const ConnectorEntry* entry : every_connector())
    all.connectors.push_back({entry, ask_capabilities_here(*entry)});
  return all;
}

bool lists_as_json(const std::string& format) {
  return one_of("--format", format, {"text", "json"}) == "json";
}

int list(const std::string& format) {
  if (lists_as_json(format)) {
    print_out(inventory_json());
    return done;
  }
  print_out(list_screen(listing(), screen_width()));
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
                        .help = "text, or json: for programs, with the columns of the records.",
                        .choices = {"text", "json"}}}}},
          .notes = {"A connector that cannot be used here says why. Exit status: 0 done, 2 unusable arguments."},
          .examples = {{"The connectors that start no threads",
                        "connbench list --format json | jq -r '.connectors[] | select(.capabilities.threads==\"none\") "
                        "| .name'"}},
          .run = [format] { return list(*format); },
          .check = [format] { lists_as_json(*format); }};
}

}  // namespace connbench
