#include "harness/programs/description.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "harness/support/joined.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(std::string_view key, std::string_view expected) {
  throw std::invalid_argument(fmt::format("--describe: \"{}\" must be {}", key, expected));
}

std::string text_at(const Json& object, std::string_view key, bool required = false) {
  const auto found = object.find(key);
  if (found == object.end() && !required) return "";
  if (found == object.end() || !found->is_string()) refuse(key, "a text");
  const auto text = found->get<std::string>();
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) refuse(key, "one line of text");
  if (required && text.empty()) refuse(key, "a text that is not empty");
  return text;
}

bool bool_at(const Json& object, std::string_view key, bool otherwise) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  if (!found->is_boolean()) refuse(key, "true or false");
  return found->get<bool>();
}

int64_t number_at(const Json& object, std::string_view key) {
  constexpr int64_t most = 86'400'000'000'000;  // a day in ns: the longest timeout
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  if (!found->is_number_integer() || *found < 0 || *found > most)
    refuse(key, fmt::format("a whole number from 0 to {}", most));
  return found->get<int64_t>();
}

const Json& list_at(const Json& object, std::string_view key) {
  static const Json none = Json::array();
  const auto found = object.find(key);
  if (found == object.end()) return none;
  if (!found->is_array()) refuse(key, "a list");
  return *found;
}

// A value of an enum, by the name that `name_of` gives it.
template <class Value>
Value one_of(std::string_view key, const std::string& text,
             std::initializer_list<std::pair<std::string_view, Value>> known) {
  for (const auto& [name, value] : known)
    if (name == text) return value;
  refuse(key, "one of " + joined(known, ", ", [](const auto& one) { return std::string(one.first); }));
}

template <class Value>
std::vector<Value> some_of(const Json& object, std::string_view key, std::vector<Value> otherwise,
                           std::initializer_list<std::pair<std::string_view, Value>> known) {
  if (!object.contains(key)) return otherwise;
  std::vector<Value> values;
  for (const Json& one : list_at(object, key))
    values.push_back(one_of(key, one.is_string() ? one.get<std::string>() : "", known));
  if (values.empty()) refuse(key, "a list that is not empty");
  return values;
}

Capabilities::Threads threads_of(const Json& object) {
  using enum Capabilities::Threads;
  if (!object.contains("threads")) return none;
  return one_of<Capabilities::Threads>(
      "threads", text_at(object, "threads"),
      {{"none", none}, {"per_attempt", per_attempt}, {"pool", pool}, {"runtime", runtime}});
}

Capabilities::DeadlineBy deadline_of(const Json& object) {
  using enum Capabilities::DeadlineBy;
  if (!object.contains("deadline_by")) return timer;
  return one_of<Capabilities::DeadlineBy>(
      "deadline_by", text_at(object, "deadline_by"),
      {{"timer", timer}, {"wait", wait}, {"socket_option", socket_option}, {"signal", signal}, {"kernel", kernel}});
}

Capabilities capabilities_of(const Json& object) {
  Capabilities capabilities{.threads = threads_of(object), .deadline_by = deadline_of(object)};
  capabilities.granularity = Duration(number_at(object, "granularity_ns"));
  capabilities.floor = Duration(number_at(object, "floor_ns"));
  capabilities.early = Duration(number_at(object, "early_ns"));
  capabilities.cancellable = bool_at(object, "cancellable", true);
  capabilities.max_in_flight = static_cast<size_t>(number_at(object, "max_in_flight"));
  capabilities.pool_threads = static_cast<size_t>(number_at(object, "pool_threads"));
  capabilities.uses_all_endpoints = bool_at(object, "uses_all_addresses", false);
  return capabilities;
}

void read_lists(const Json& object, ProgramDescription& description) {
  for (const Json& one : list_at(object, "libraries")) {
    if (!one.is_object()) refuse("libraries", R"(a list of {"name": …, "version": …})");
    description.libraries.push_back({text_at(one, "name", true), text_at(one, "version")});
  }
  for (const Json& one : list_at(object, "misleading")) {
    if (!one.is_object()) refuse("misleading", R"(a list of {"target": …, "reason": …})");
    description.misleading.push_back({text_at(one, "target", true), text_at(one, "reason", true)});
  }
  for (const Json& one : list_at(object, "steered_by")) {
    if (!one.is_string()) refuse("steered_by", "a list of names of variables");
    description.steered_by.push_back(one.get<std::string>());
  }
}

}  // namespace

ProgramDescription parse_description(std::string_view text) {
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) throw std::invalid_argument("--describe printed no JSON object");
  if (!object.contains("protocol") || object["protocol"] != program_protocol)
    throw std::invalid_argument(fmt::format("--describe: \"protocol\" must be {}", program_protocol));
  ProgramDescription description{.name = text_at(object, "name", true),
                                 .summary = text_at(object, "summary", true),
                                 .language = text_at(object, "language"),
                                 .version = text_at(object, "version"),
                                 .libraries = {},
                                 .capabilities = capabilities_of(object),
                                 .steered_by = {},
                                 .misleading = {}};
  description.families = some_of<Family>(object, "families", description.families,
                                         {{"4", Family::ipv4}, {"6", Family::ipv6}, {"unix", Family::unix_domain}});
  description.close = some_of<CloseMode>(object, "close", description.close,
                                         {{"rst", CloseMode::rst}, {"fin", CloseMode::fin}, {"hold", CloseMode::hold}});
  description.open_loop = bool_at(object, "open_loop", true);
  description.gap = bool_at(object, "gap", false);
  read_lists(object, description);
  return description;
}

Json description_json(const ProgramDescription& description) {
  Json libraries = Json::array(), misleading = Json::array(), close = Json::array();
  for (const auto& [name, version] : description.libraries) libraries.push_back({{"name", name}, {"version", version}});
  for (const auto& [target, reason] : description.misleading)
    misleading.push_back({{"target", target}, {"reason", reason}});
  for (const CloseMode mode : description.close) close.push_back(to_string(mode));
  return {{"name", description.name},       {"language", description.language},
          {"version", description.version}, {"libraries", std::move(libraries)},
          {"close", std::move(close)},      {"open_loop", description.open_loop},
          {"gap", description.gap},         {"misleading", std::move(misleading)}};
}

}  // namespace connbench
