// The table of all connectors, which CMake (registry.cmake) writes from impl/CMakeLists.txt.
#pragma once

#include <algorithm>
#include <cstddef>
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
  size_t max_in_flight;            ///< the runner never has more in flight; room for that many may be reserved
  Retirement& retirement;          ///< closes sockets; outlives the connector
  std::optional<Family> family{};  ///< for the probe: that of the addresses to connect to, where it is known
};

/// The library on which a connector is built, for run.json.
struct Library {
  std::string_view name;  ///< "libuv"
  std::string version;    ///< as the library reports it at run time, where it does
  bool makes_the_calls;   ///< it opens, connects and waits itself, and decides what follows when a call fails
};

class ConnectorProgram;  // harness/programs/program.h

/// One row of the table: everything known about a connector before it is made.
struct ConnectorEntry {
  std::string_view name;     ///< "select-threads"
  std::string_view summary;  ///< one line for `connbench list`
  std::span<const OptionSpec> options;
  /// Why the connector cannot run on this machine or with so many in flight; nullopt when it can. Changes nothing.
  std::optional<std::string> (*probe)(const ConnectorSettings&);
  /// @throws std::system_error when set-up fails
  std::unique_ptr<Connector> (*make)(const ConnectorSettings&);
  std::span<const Family> families = every_family;
  Library (*library)() = nullptr;  ///< nullptr: built on system calls alone
  /// What `--connector GROUP` selects it by. Ours: "threads" (one per attempt), "pools" (of threads), "processes" (one
  /// per attempt), "loops" (an event loop of its own), "libraries" (somebody else's loop), and "baselines" (what the
  /// others are compared with: the harness's own cost, and one connect() after another).
  std::string_view group = "others";
  /// Variables of the environment that change how its library works: "LIBEV_FLAGS", or "EVENT_*" for all that begin so.
  /// They are removed before anything is measured, so that one name cannot mean two ways of connecting.
  std::span<const std::string_view> steered_by = {};
  /// Its library keeps one state for the whole process, so that a wave cannot be divided into shards.
  bool one_per_process = false;
  /// A program of its own that makes the attempts, and not code that is linked: then there is no probe() and no make().
  const ConnectorProgram* program = nullptr;

  bool serves(Family family) const noexcept { return std::ranges::find(families, family) != families.end(); }
};

/// All connectors of this build, in the order of impl/CMakeLists.txt.
std::span<const ConnectorEntry* const> all_connectors();

/// Options that every connector has in addition to its own. The harness acts on them.
inline constexpr OptionSpec common_options[] = {{.name = "close",
                                                 .kind = OptionSpec::Kind::choice,
                                                 .choices = close_modes,
                                                 .default_value = "",
                                                 .help = "how its connections are closed; overrides --close"}};

/// A connector as a run names it: entry and checked options.
struct NamedConnector {
  const ConnectorEntry* entry;
  std::string name;  ///< with the options that were given, in their canonical spelling; the name in every record
  Options options;

  /// The run's policy, overridden by the options.
  ConnectionPolicy policy(ConnectionPolicy run) const;
};

/// A linked connector, or else a program: a path, or the name of one that is installed. A path need not lead to one:
/// its waves then fail, and say why.
/// @throws std::invalid_argument for an unknown name (with the nearest known one) or a bad option
NamedConnector find_connector(std::string_view name);

}  // namespace connbench
