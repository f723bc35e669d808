#include "harness/connector/registry.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/support/units.h"

namespace connbench {

NamedConnector find_connector(std::string_view name) {
  const std::string_view base = base_name(name);
  std::vector<std::string_view> known;
  for (const ConnectorEntry* entry : all_connectors()) {
    if (entry->name == base) {
      std::vector<OptionSpec> specs(entry->options.begin(), entry->options.end());
      specs.insert(specs.end(), std::begin(common_options), std::end(common_options));
      try {
        Options options(name.substr(base.size()), specs);
        return {entry, fmt::format("{}{}", base, options.canonical()), std::move(options)};
      } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(fmt::format("{}: {}", base, error.what()));
      }
    }
    known.push_back(entry->name);
  }
  throw std::invalid_argument(unknown_name("connector", base, known, "connbench list"));
}

}  // namespace connbench
