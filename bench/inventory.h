// What this build and this machine have to offer: the facts behind `connbench list` and `connbench doctor`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/run/plan.h"
#include "harness/targets/target.h"

namespace connbench {

/// The linked connectors, then the programs that are installed, or that $CONNBENCH_PROGRAMS has.
std::vector<const ConnectorEntry*> every_connector();

/// Asks all programs among them at once what they are, instead of one after the other when each is needed.
void describe_programs();

/// The capabilities of a connector without options, or why this machine cannot use it. Makes it in a child: call it
/// while this process has one thread.
CapabilitiesAnswer ask_capabilities_here(const ConnectorEntry& entry);

/// An option and the connectors that have it. An option that several connectors share appears once.
struct SharedOption {
  OptionSpec spec;
  std::vector<std::string_view> connectors;
};
std::vector<SharedOption> all_options();

/// Of a connector: its own options, then those that every connector has.
std::vector<OptionSpec> options_of(const ConnectorEntry& entry);

/// Every target of the table, then hosts outside.
std::vector<const TargetEntry*> all_target_entries();

/// Where a target is: "lab", "loopback" or "outside".
std::string_view network_of(const TargetEntry& entry);

}  // namespace connbench
