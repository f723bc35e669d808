// What every run says of itself in run.json, whatever it measures.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace connbench {

/// As this program was called.
std::vector<std::string> own_command_line();

/// The machine, and the libraries that connectors were built with.
nlohmann::ordered_json describe_environment();

}  // namespace connbench
