#include "bench/run_settings.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <variant>

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

std::string key_of(const Flag& flag) {
  return flag.name.substr(flag.name.find_first_not_of('-'));
}

Json value_of(const Destination& destination) {
  return std::visit(
      [](auto to) -> Json {
        if constexpr (std::is_pointer_v<decltype(to)>)
          return *to;
        else
          return *to.values;
      },
      destination);
}

void store(const Json& value, const Destination& destination) {
  std::visit(
      [&](auto to) {
        if constexpr (std::is_pointer_v<decltype(to)>)
          value.get_to(*to);
        else
          value.get_to(*to.values);
      },
      destination);
}

[[noreturn]] void refuse(const std::string& folder, const std::string& why) {
  throw std::invalid_argument(fmt::format("--repeat {}: {}", folder, why));
}

Json read_settings(const std::string& folder) {
  const std::filesystem::path path = std::filesystem::path(folder) / "run.json";
  std::error_code ignored;
  // A FIFO would block.
  if (!std::filesystem::is_regular_file(path, ignored)) refuse(folder, "there is no run.json, so this is no run");
  std::ifstream file(path);
  if (!file) refuse(folder, "its run.json cannot be read");
  const Json document = Json::parse(file, nullptr, false);
  if (!document.is_object()) refuse(folder, "its run.json is damaged");
  const auto settings = document.find("settings");
  if (settings == document.end() || !settings->is_object())
    refuse(folder,
           "its run.json has no settings: it is of another command, or of an older connbench. Its command_line "
           "says how it was started");
  return *settings;
}

}  // namespace

Json settings_of(RunFlags flags, const RunRequest& request) {
  flags.connectors.clear();
  for (const NamedConnector& connector : request.connectors) flags.connectors.push_back(connector.name);
  flags.seed = fmt::format("{}", request.seed);
  Json settings = Json::object();
  for (const FlagGroup& group : describe(flags))
    for (const Flag& flag : group.flags)
      if (is_setting(flag)) settings[key_of(flag)] = value_of(flag.destination);
  return settings;
}

void take_settings(const Json& settings, RunFlags& flags) {
  std::set<std::string> known;
  for (const FlagGroup& group : describe(flags)) {
    for (const Flag& flag : group.flags) {
      const auto found = settings.find(key_of(flag));
      if (!is_setting(flag) || found == settings.end()) continue;
      known.insert(found.key());
      try {
        store(*found, flag.destination);
      } catch (const nlohmann::json::exception&) {
        throw std::invalid_argument(fmt::format("its setting '{}' is damaged", found.key()));
      }
    }
  }
  for (const auto& [name, value] : settings.items())
    if (!known.contains(name))
      throw std::invalid_argument(fmt::format("this connbench does not know its setting '{}'", name));
}

RunFlags with_repeated(const RunFlags& given) {
  if (given.repeat.empty()) return given;
  const Json settings = read_settings(given.repeat);
  RunFlags flags = given;
  try {
    take_settings(settings, flags);
  } catch (const std::invalid_argument& error) {
    refuse(given.repeat, error.what());
  }
  return flags;
}

}  // namespace connbench
