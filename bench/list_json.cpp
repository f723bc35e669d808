#include "bench/list_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/commands_json.h"
#include "bench/inventory.h"
#include "bench/version.h"
#include "harness/lab/lab.h"
#include "harness/machine/ipv6.h"
#include "harness/programs/program.h"
#include "harness/record/capabilities_json.h"
#include "harness/record/schema.h"
#include "harness/record/thresholds.h"
#include "harness/scenarios/scenario.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
}

Json names_of(std::span<const Family> families) {
  Json names = Json::array();
  for (const Family family : families) names.push_back(to_string(family));
  return names;
}

Json outcome_names() {
  Json names = Json::array();
  for (const Outcome outcome : all_outcomes()) names.push_back(to_string(outcome));
  return names;
}

Json columns() {
  Json files = Json::object();
  for (const std::string_view file : run_files())
    if (const auto names = columns_of(file); !names.empty()) files[std::string(file)] = names;
  return files;
}

Json threshold_values() {
  Json values = Json::object();
  for (const Threshold& threshold : thresholds) values[std::string(threshold.name)] = threshold.value;
  return values;
}

// What a program says of itself, and where it is.
Json program_json(const ConnectorProgram& program) {
  Json said = {{"path", program.path()}};
  if (program.answer().description) said.update(description_json(program.description()));
  return said;
}

Json connector_json(const ConnectorEntry& entry) {
  const CapabilitiesAnswer answer = ask_capabilities_here(entry);
  Json options = Json::array();
  for (const OptionSpec& spec : options_of(entry)) options.push_back(spec.name);
  Json library;
  if (entry.library != nullptr) {
    const Library known = entry.library();
    library = {{"name", known.name}, {"version", known.version}};
  }
  return {{"name", entry.name},
          {"summary", entry.summary},
          {"group", entry.group},
          {"available", answer.capabilities.has_value()},
          {"skip_reason", text_or_null(answer.why_not)},
          {"families", names_of(entry.families)},
          {"options", std::move(options)},
          {"library", std::move(library)},
          {"capabilities", answer.capabilities ? capabilities_json(*answer.capabilities) : Json()},
          {"program", entry.program != nullptr ? program_json(*entry.program) : Json()}};
}

Json option_json(const SharedOption& option) {
  const OptionSpec& spec = option.spec;
  const auto values = values_of(spec.choices);
  return {{"name", spec.name},
          {"values", values.empty() ? Json() : Json(values)},
          {"kind", to_string(spec.kind)},
          {"default", text_or_null(spec.default_value)},
          {"help", spec.help},
          {"connectors", option.connectors},
          {"misleading", values_of(spec.misleading)},
          {"least", text_or_null(spec.least)},
          {"most", text_or_null(spec.most)}};
}

Json expected_outcomes(const TargetEntry& entry) {
  Json names = Json::array();
  for (const Outcome outcome : all_outcomes()) {
    const auto expects = [&](Family family) { return entry.expected_outcomes(family).contains(outcome); };
    if (std::ranges::any_of(entry.families, expects)) names.push_back(to_string(outcome));
  }
  return names;
}

// Why this machine has none of some targets.
struct Lacks {
  std::optional<std::string> lab, ipv6;
};

Json target_json(const TargetEntry& entry, const Lacks& lacks) {
  const auto reason = entry.needs_lab && lacks.lab ? lacks.lab : entry.needs_ipv6 ? lacks.ipv6 : std::nullopt;
  return {{"name", entry.name},
          {"parameter", text_or_null(entry.parameter)},
          {"default", text_or_null(entry.default_value)},
          {"families", names_of(entry.families)},
          {"network", network_of(entry)},
          {"summary", entry.summary},
          {"available", !reason},
          {"skip_reason", reason ? Json(*reason) : Json()},
          {"expected_outcomes", expected_outcomes(entry)}};
}

// What one function gives for each entry.
template <class Entries, class Describe>
Json each(const Entries& entries, Describe describe) {
  Json array = Json::array();
  for (const auto& entry : entries) array.push_back(describe(entry));
  return array;
}

}  // namespace

std::string inventory_json() {
  describe_programs();
  const Lacks lacks{.lab = lab::why_no_lab(), .ipv6 = why_no_ipv6()};
  const Json document = {
      {"schema_version", record_schema_version},
      {"outcomes", outcome_names()},
      {"columns", columns()},
      {"files", run_files()},
      {"thresholds", threshold_values()},
      {"families", names_of(every_family)},
      {"connectors", each(every_connector(), [](const ConnectorEntry* entry) { return connector_json(*entry); })},
      {"options", each(all_options(), option_json)},
      {"targets", each(all_target_entries(), [&](const TargetEntry* entry) { return target_json(*entry, lacks); })},
      {"scenarios",
       each(all_scenarios(),
            [](const ScenarioEntry* entry) {
              return Json{{"name", entry->name}, {"arrival", entry->arrivals}, {"summary", entry->summary}};
            })},
      {"commands", commands_json()},
      {"version", version_number()}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace connbench
