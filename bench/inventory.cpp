#include "bench/inventory.h"

#include <algorithm>

#include "harness/programs/program.h"
#include "harness/targets/external.h"

namespace connbench {

std::vector<const ConnectorEntry*> every_connector() {
  std::vector<const ConnectorEntry*> entries(all_connectors().begin(), all_connectors().end());
  for (const ConnectorProgram* program : all_programs())
    if (std::ranges::count(all_connectors(), program->entry().name, &ConnectorEntry::name) == 0)
      entries.push_back(&program->entry());
  return entries;
}

void describe_programs() {
  describe_all(all_programs());
}

CapabilitiesAnswer ask_capabilities_here(const ConnectorEntry& entry) {
  const NamedConnector connector = find_connector(entry.name);
  if (entry.program != nullptr) return ask_capabilities(connector);
  Retirement retirement({}, 0);
  if (auto reason = entry.probe({connector.options, 1, retirement})) return {std::nullopt, *std::move(reason)};
  CapabilitiesAnswer answer = ask_capabilities(connector);
  if (!answer.capabilities) answer.why_not.insert(0, "cannot be made: ");
  return answer;
}

std::vector<OptionSpec> options_of(const ConnectorEntry& entry) {
  std::vector<OptionSpec> options(entry.options.begin(), entry.options.end());
  options.insert(options.end(), std::begin(common_options), std::end(common_options));
  return options;
}

// The common options come last.
std::vector<SharedOption> all_options() {
  std::vector<SharedOption> options;
  const auto add = [&options](const OptionSpec& spec, std::string_view connector) {
    auto known = std::ranges::find(options, spec, &SharedOption::spec);
    if (known == options.end()) known = options.insert(options.end(), {spec, {}});
    known->connectors.push_back(connector);
  };
  for (const ConnectorEntry* entry : all_connectors())
    for (const OptionSpec& spec : entry->options) add(spec, entry->name);
  for (const OptionSpec& spec : common_options)
    for (const ConnectorEntry* entry : every_connector()) add(spec, entry->name);
  return options;
}

std::vector<const TargetEntry*> all_target_entries() {
  std::vector<const TargetEntry*> entries(all_targets().begin(), all_targets().end());
  entries.push_back(&external_target);
  return entries;
}

std::string_view network_of(const TargetEntry& entry) {
  return entry.needs_lab ? "lab" : &entry == &external_target ? "outside" : "loopback";
}

}  // namespace connbench
