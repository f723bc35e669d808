#include "harness/connector/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/connector/address_list.h"
#include "harness/support/joined.h"
#include "harness/support/quantity.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void check_choice(std::string_view value, std::string_view choices) {
  const auto valid = values_of(choices);
  if (std::find(valid.begin(), valid.end(), value) != valid.end()) return;
  const auto nearest = nearest_name(value, valid);
  throw std::invalid_argument(fmt::format("'{}' is not valid: expected {}{}", value, joined(valid, ", "),
                                          nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

// The range of `spec`, whose bounds `parse` reads.
template <class Value, class Parse>
Range<Value> range_of(const OptionSpec& spec, Range<Value> widest, Parse parse) {
  if (!spec.least.empty()) widest.least = parse(spec.least);
  if (!spec.most.empty()) widest.most = parse(spec.most);
  return widest;
}

// The shortest spelling of `value`. @throws std::invalid_argument when it is none
std::string canonical_value(std::string_view value, const OptionSpec& spec) {
  const auto time = [](std::string_view text) { return parse_duration(text); };
  const auto bytes = [](std::string_view text) { return parse_size(text); };
  const auto number = [](std::string_view text) { return parse_count(text); };
  switch (spec.kind) {
    case OptionSpec::Kind::choice:
      check_choice(value, spec.choices);
      return std::string(value);
    case OptionSpec::Kind::duration:
      return format_duration(parse_duration(value, range_of(spec, any_time, time)));
    case OptionSpec::Kind::size:
      return format_size(parse_size(value, range_of(spec, any_size, bytes)));
    case OptionSpec::Kind::count:
      return std::to_string(parse_count(value, range_of(spec, any_count, number)));
    case OptionSpec::Kind::addresses:
      return canonical_address_list(value);
  }
  return "";
}

std::string checked_value(std::string_view value, const OptionSpec& spec) try {
  return canonical_value(value, spec);
} catch (const std::invalid_argument& e) {
  throw std::invalid_argument(fmt::format("option '{}': {}", spec.name, e.what()));
}

const OptionSpec& find_spec(std::string_view name, std::span<const OptionSpec> specs) {
  const auto found = std::find_if(specs.begin(), specs.end(), [&](const OptionSpec& s) { return s.name == name; });
  if (found != specs.end()) return *found;
  if (specs.empty()) throw std::invalid_argument(fmt::format("no option '{}': it takes no options", name));
  std::vector<std::string_view> known;
  for (const auto& spec : specs) known.push_back(spec.name);
  const std::string nearest = nearest_name(name, known);
  throw std::invalid_argument(
      fmt::format("no option '{}'; {}: {}", name,
                  nearest.empty() ? "it has" : fmt::format("did you mean '{}'? It has", nearest), joined(known, ", ")));
}

struct NameAndValue {
  std::string_view name, value;
};

// An item is what stands between two '+'.
NameAndValue read_option(std::string_view item, std::span<const OptionSpec> specs) {
  const size_t colon = item.find(':');
  if (colon == std::string_view::npos)
    for (const OptionSpec& spec : specs)
      if (spec.name == item && !spec.bare_value.empty()) return {spec.name, spec.bare_value};
  if (colon == 0 || colon == std::string_view::npos) {
    throw std::invalid_argument(fmt::format("'+{}': an option is written +name:value", item));
  }
  return {item.substr(0, colon), item.substr(colon + 1)};
}

}  // namespace

std::vector<std::string_view> values_of(std::string_view choices) {
  return choices.empty() ? std::vector<std::string_view>() : split(choices, '|');
}

std::string_view to_string(OptionSpec::Kind kind) noexcept {
  switch (kind) {
    case OptionSpec::Kind::choice:
      return "choice";
    case OptionSpec::Kind::duration:
      return "duration";
    case OptionSpec::Kind::size:
      return "size";
    case OptionSpec::Kind::count:
      return "count";
    case OptionSpec::Kind::addresses:
      return "addresses";
  }
  return "";
}

Options::Options(std::string_view text, std::span<const OptionSpec> specs) {
  for (const auto& spec : specs) {
    values_.emplace(spec.name, spec.default_value.empty() ? "" : checked_value(spec.default_value, spec));
  }
  if (text.empty()) return;
  if (text.front() != '+') throw std::invalid_argument(fmt::format("'{}': an option is written +name:value", text));
  std::vector<std::string_view> seen;
  for (std::string_view item : split(text.substr(1), '+')) {
    const auto [name, value] = read_option(item, specs);
    const auto& spec = find_spec(name, specs);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      throw std::invalid_argument(fmt::format("option '{}' is given twice", name));
    }
    seen.push_back(name);
    values_.find(name)->second = checked_value(value, spec);
  }
  for (const auto& spec : specs)
    if (std::ranges::count(seen, spec.name) > 0)
      canonical_ += fmt::format("+{}:{}", spec.name, values_.find(spec.name)->second);
}

const std::string& Options::specified(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::logic_error(fmt::format("option '{}' is not specified", name));
  return found->second;
}

const std::string& Options::value(std::string_view name) const {
  const auto& value = specified(name);
  if (value.empty()) throw std::logic_error(fmt::format("option '{}' has no value: call given() first", name));
  return value;
}

std::string_view Options::choice(std::string_view name) const {
  return value(name);
}
Duration Options::duration(std::string_view name) const {
  return parse_duration(value(name));
}
size_t Options::size(std::string_view name) const {
  return parse_size(value(name));
}
size_t Options::count(std::string_view name) const {
  return parse_count(value(name));
}
std::vector<Endpoint> Options::addresses(std::string_view name) const {
  return parse_address_list(value(name));
}
bool Options::given(std::string_view name) const {
  return !specified(name).empty();
}

std::string_view base_name(std::string_view connector_name) noexcept {
  const size_t folder = connector_name.rfind('/');  // a program's path may contain any character
  return connector_name.substr(0, connector_name.find('+', folder == std::string_view::npos ? 0 : folder));
}

}  // namespace connbench
