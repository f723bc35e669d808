// The hosts that a cluster's command line names.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace connbench::cluster {

struct HostName {
  std::string name;     ///< as the launcher reaches it
  std::string address;  ///< at which its servers listen: "10.0.0.4"; "" = that of its name
  bool operator==(const HostName&) const = default;
};

/// "a" or "d=10.0.0.4". @throws std::invalid_argument
HostName parse_host(std::string_view text);

/// A hostfile of Open MPI: one host per line, with a comment after '#'. Whatever else stands on a line, such as
/// slots=2, does not matter: there is one rank per host. @throws std::invalid_argument when it cannot be read or names
/// no host
std::vector<HostName> read_hostfile(const std::filesystem::path& path);

/// Whether this is the name of the machine that we are on.
bool is_this_machine(std::string_view name);

}  // namespace connbench::cluster
