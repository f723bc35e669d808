#include "harness/connector/registry.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/programs/program.h"
#include "harness/support/units.h"

namespace connbench {

namespace {

NamedConnector with_options(const ConnectorEntry& entry, std::string_view text) try {
  std::vector<OptionSpec> specs(entry.options.begin(), entry.options.end());
  specs.insert(specs.end(), std::begin(common_options), std::end(common_options));
  Options options(text, specs);
  return {&entry, fmt::format("{}{}", entry.name, options.canonical()), std::move(options)};
} catch (const std::invalid_argument& error) {
  throw std::invalid_argument(fmt::format("{}: {}", entry.name, error.what()));
}

}  // namespace

NamedConnector find_connector(std::string_view name) {
  const std::string_view base = base_name(name);
  const std::string_view options = name.substr(base.size());
  std::vector<std::string_view> known;
  for (const ConnectorEntry* entry : all_connectors()) {
    if (entry->name == base) return with_options(*entry, options);
    known.push_back(entry->name);
  }
  if (const ConnectorProgram* program = find_program(base)) return with_options(program->entry(), options);
  for (const ConnectorProgram* program : all_programs()) known.push_back(program->entry().name);
  throw std::invalid_argument(unknown_name("connector", base, known, "connbench list"));
}

}  // namespace connbench
