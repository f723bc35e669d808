// What run.json says about every run, whatever it measures.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace connbench {

/// The words this program was started with.
std::vector<std::string> own_command_line();

/// The machine, the build, and the libraries that connectors were built with.
nlohmann::ordered_json describe_environment();

}  // namespace connbench
