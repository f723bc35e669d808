#include "bench/commands_json.h"

#include <nlohmann/json.hpp>

#include "bench/command_help.h"
#include "bench/commands.h"
#include "bench/companions.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json flag_json(const Flag& flag) {
  const std::string shown = default_of(flag);
  return {{"name", flag.name},
          {"value", flag.value.empty() ? Json() : Json(flag.value)},
          {"default", shown.empty() ? Json() : Json(shown)},
          {"choices", flag.choices},
          {"excludes", flag.excludes},
          {"help", flag.help}};
}

Json group_json(const FlagGroup& group) {
  Json flags = Json::array();
  for (const Flag& flag : group.flags) flags.push_back(flag_json(flag));
  return {{"title", group.title}, {"flags", std::move(flags)}};
}

Json command_json(const Command& command) {
  Json groups = Json::array(), examples = Json::array();
  for (const FlagGroup& group : command.groups) groups.push_back(group_json(group));
  for (const Example& example : command.examples)
    examples.push_back(Json{{"purpose", example.purpose}, {"command", example.command}});
  return {{"name", command.name},
          {"summary", command.summary},
          {"groups", std::move(groups)},
          {"notes", command.notes},
          {"examples", std::move(examples)}};
}

}  // namespace

Json commands_json() {
  Json commands = Json::array();
  for (const Command& command : all_commands()) commands.push_back(command_json(command));
  for (const Companion& companion : companions())
    commands.push_back(Json{{"name", companion.name}, {"summary", companion.summary}});
  return commands;
}

}  // namespace connbench
