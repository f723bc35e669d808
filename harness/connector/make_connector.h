// Functions for the entries of simple connectors.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "harness/connector/registry.h"

namespace connbench {

/// ConnectorEntry::make for a connector that is constructed from its settings alone.
template <class C>
std::unique_ptr<Connector> make_connector(const ConnectorSettings& settings) {
  return std::make_unique<C>(settings);
}

/// ConnectorEntry::probe for a connector that works on every machine.
inline std::optional<std::string> works_everywhere(const ConnectorSettings&) {
  return std::nullopt;
}

}  // namespace connbench
