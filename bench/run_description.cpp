#include "bench/run_description.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/connector/registry.h"
#include "harness/machine/machine.h"

namespace connbench {

std::vector<std::string> own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

nlohmann::ordered_json describe_environment() {
  nlohmann::ordered_json environment = describe_machine();
  for (const ConnectorEntry* entry : all_connectors()) {
    if (entry->library == nullptr) continue;
    const Library library = entry->library();
    environment["libraries"][library.name] = library.version;
  }
  return environment;
}

}  // namespace connbench
