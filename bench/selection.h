// Which connectors a --connector list selects.
#pragma once

#include <string>
#include <vector>

#include "harness/connector/registry.h"

namespace connbench {

/// Each text is a connector ("epoll"), a group of connectors ("threads"; see ConnectorEntry::group), a glob
/// ("*-threads") or "all", optionally followed by options for all that it selects ("pools+threads:8"). A connector that
/// is selected more than once appears once, in its first place.
/// @throws std::invalid_argument that names the flag: for what selects nothing, for options that a selected connector
/// does not have, and for a connector that is itself given twice
std::vector<NamedConnector> select_connectors(const std::vector<std::string>& texts);

/// The groups of this build's connectors, in the order of the table.
std::vector<std::string_view> connector_groups();

}  // namespace connbench
