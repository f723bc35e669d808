// What `connbench list` prints for people. It asks the machine nothing.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/inventory.h"
#include "harness/scenarios/scenario.h"

namespace connbench {

/// A connector, and what it says of itself here or why it cannot be asked.
struct ListedConnector {
  const ConnectorEntry* entry;
  CapabilitiesAnswer answer;
};

struct Listing {
  std::vector<ListedConnector> connectors;
  std::vector<SharedOption> options;
  std::vector<const TargetEntry*> targets;
  std::span<const ScenarioEntry* const> scenarios;
};

/// Four tables, `width` columns wide at most.
std::string list_screen(const Listing& listing, size_t width);

}  // namespace connbench
