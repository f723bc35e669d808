// The table of all connectors, written by CMake (registry.cmake) from impl/CMakeLists.txt; impl/registry.cpp looks up
// in it.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/connector/connector.h"
#include "harness/connector/endpoint.h"
#include "harness/connector/options.h"
#include "harness/connector/retirement.h"

namespace connbench {

/// What a connector is made with.
struct ConnectorSettings {
  Options options;
  size_t max_in_flight;    ///< the runner never submits more at once; room may be reserved for so many
  Retirement& retirement;  ///< disposes of sockets; outlives the connector
};

/// What a connector is made of that is not this project's: for run.json.
struct Library {
  std::string_view name;  ///< "libuv"
  std::string version;    ///< as the library that runs says, where it says
  bool
      makes_the_calls;  ///< it opens, connects and waits by itself: what becomes of a call that fails is its own affair
};

/// One row of the table: everything known of a connector before it is made.
struct ConnectorEntry {
  std::string_view name;     ///< "select-threads"
  std::string_view summary;  ///< one line for `connbench list`
  std::span<const OptionSpec> options;
  /// Why this machine, or this many in flight, cannot be served; nullopt when it can. Asks the kernel, changes nothing.
  std::optional<std::string> (*probe)(const ConnectorSettings&);
  /// @throws std::system_error when set-up fails
  std::unique_ptr<Connector> (*make)(const ConnectorSettings&);
  std::span<const Family> families = every_family;
  Library (*library)() = nullptr;  ///< nullptr: built on system calls alone
  /// What `--connector GROUP` selects it by. Ours: "threads" (one per attempt), "pools" (of threads), "loops" (an event
  /// loop of its own), "libraries" (somebody else's loop), and "baselines" (what the others are compared with: the
  /// harness's own cost, and one connect() after another).
  std::string_view group = "others";

  bool serves(Family family) const noexcept { return std::ranges::find(families, family) != families.end(); }
};

/// All connectors of this build, in the order of impl/CMakeLists.txt.
std::span<const ConnectorEntry* const> all_connectors();

/// What every connector has beside its own options, and the harness itself acts upon.
inline constexpr OptionSpec common_options[] = {{.name = "close",
                                                 .kind = OptionSpec::Kind::choice,
                                                 .choices = "rst|fin|hold",
                                                 .default_value = "",
                                                 .help = "how its connections are ended, whatever --close says"}};

/// A connector as it is named in a run: entry and checked options.
struct NamedConnector {
  const ConnectorEntry* entry;
  std::string name;  ///< as given, with its options: what every record says
  Options options;

  /// The run's policy, with what the options say otherwise.
  ConnectionPolicy policy(ConnectionPolicy run) const;
};

/// @throws std::invalid_argument for an unknown name (with the nearest known one) or a bad option
NamedConnector find_connector(std::string_view name);

}  // namespace connbench
