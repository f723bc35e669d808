#include "harness/targets/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/machine/machine.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

NamedTarget named(const TargetEntry& entry, std::string_view name) {
  const size_t colon = name.find(':');
  const std::string_view given = colon == std::string_view::npos ? entry.default_value : name.substr(colon + 1);
  const bool is_plain = colon == std::string_view::npos && entry.default_value.empty();
  if (entry.canonical == nullptr && !is_plain)
    throw std::invalid_argument(fmt::format("{} takes no parameter", entry.name));
  if (is_plain) return {&entry, std::string(entry.name), ""};
  try {
    const std::string parameter = entry.canonical(given);
    return {&entry, fmt::format("{}:{}", entry.name, parameter), parameter};
  } catch (const std::invalid_argument& error) {
    const std::string example =
        entry.default_value.empty() ? "" : fmt::format(" (example: {}:{})", entry.name, entry.default_value);
    throw std::invalid_argument(fmt::format("{}: {}{}", entry.name, error.what(), example));
  }
}

}  // namespace

size_t addresses_wanted(const TargetRequest& request) {
  const size_t each = std::max<size_t>(1, ephemeral_port_count() / 4);
  return request.addresses.value_or(std::max<size_t>(1, (request.open_at_once + each - 1) / each));
}

bool TargetEntry::serves(Family family) const noexcept {
  return std::find(families.begin(), families.end(), family) != families.end();
}

const HostAddress* NamedTarget::address(Family family) const noexcept {
  const auto found = std::ranges::find(addresses, family, &HostAddress::family);
  return found == addresses.end() ? nullptr : &*found;
}

bool NamedTarget::serves(Family family) const noexcept {
  return entry->serves(family) && (addresses.empty() || address(family) != nullptr);
}

std::unique_ptr<Target> NamedTarget::open(TargetRequest request) const {
  request.parameter = parameter;
  request.address = address(request.family);
  return entry->open(request);
}

bool is_target(std::string_view name) noexcept {
  return std::ranges::any_of(all_targets(), [name](const TargetEntry* entry) { return entry->name == name; });
}

NamedTarget find_target(std::string_view name) {
  std::vector<std::string_view> known;
  const std::string_view base = name.substr(0, name.find(':'));
  for (const TargetEntry* entry : all_targets()) {
    if (entry->name == base) return named(*entry, name);
    known.push_back(entry->name);
  }
  throw std::invalid_argument(unknown_name("target", base, known));
}

}  // namespace connbench
