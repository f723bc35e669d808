#include "bench/selection.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "bench/flags.h"
#include "bench/inventory.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr std::string_view everything = "all";

std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  for (const ConnectorEntry* entry : every_connector()) names.push_back(entry->name);
  return names;
}

bool is_glob(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string_view> matching(const std::string& glob) {
  std::vector<std::string_view> names = all_names();
  std::erase_if(names,
                [&](std::string_view name) { return ::fnmatch(glob.c_str(), std::string(name).c_str(), 0) != 0; });
  return names;
}

std::vector<std::string_view> members(std::string_view group) {
  std::vector<std::string_view> names;
  for (const ConnectorEntry* entry : every_connector())
    if (group == everything || entry->group == group) names.push_back(entry->name);
  return names;
}

[[noreturn]] void refuse_glob(const std::string& glob) {
  const std::string wider = glob + "*";
  const std::string hint =
      matching(wider).empty() ? "connbench list shows them" : fmt::format("did you mean '{}'?", wider);
  throw std::invalid_argument(fmt::format("'{}' matches no connector; {}", glob, hint));
}

// Of a group or a glob. Empty when `base` is neither.
std::vector<std::string_view> expand(const std::string& base) {
  if (!is_glob(base)) return members(base);
  std::vector<std::string_view> names = matching(base);
  if (names.empty()) refuse_glob(base);
  return names;
}

[[noreturn]] void refuse_unknown(std::string_view base) {
  std::vector<std::string_view> known = all_names();
  std::ranges::copy(connector_groups(), std::back_inserter(known));
  known.push_back(everything);
  throw std::invalid_argument(unknown_name("connector", base, known, "connbench list"));
}

class Selection {
 public:
  void add(const std::string& text) {
    const std::string base(base_name(text));
    const std::string options = text.substr(base.size());
    const bool is_path = base.find('/') != std::string::npos;
    if (is_path || std::ranges::count(all_names(), base) > 0) return add_name(text);
    const std::vector<std::string_view> names = expand(base);
    if (names.empty()) refuse_unknown(base);
    for (const std::string_view name : names) add_member(text, std::string(name) + options);
  }
  std::vector<NamedConnector> take() { return std::move(selected_); }

 private:
  void add_name(const std::string& text) {
    const std::string name = find_connector(text).name;
    if (std::ranges::count(given_, name) > 0)
      throw std::invalid_argument(
          fmt::format("{} is given twice{}", name, text == name ? "" : fmt::format(" (as {})", text)));
    given_.push_back(name);
    add_once(text);
  }
  void add_member(const std::string& text, const std::string& name) try {
    add_once(name);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("'{}' selects {}", text, error.what()));
  }
  void add_once(const std::string& text) {
    NamedConnector named = find_connector(text);
    if (std::ranges::count(selected_, named.name, &NamedConnector::name) == 0) selected_.push_back(std::move(named));
  }

  std::vector<NamedConnector> selected_;
  std::vector<std::string> given_;  // by their own names
};

}  // namespace

std::vector<NamedConnector> select_connectors(const std::vector<std::string>& texts) {
  Selection selection;
  for (const std::string& text : texts) for_flag("--connector", [&] { selection.add(text); });
  return selection.take();
}

std::vector<std::string_view> connector_groups() {
  std::vector<std::string_view> groups;
  for (const ConnectorEntry* entry : every_connector())
    if (std::ranges::count(groups, entry->group) == 0) groups.push_back(entry->group);
  return groups;
}

}  // namespace connbench
