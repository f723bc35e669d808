#include "bench/skip_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/columns.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using Names = std::vector<std::string>;

void add_once(Names& names, std::string name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
}

// What the cases of a run differ in. Only that has to be said of one of them.
class Differences {
 public:
  explicit Differences(const std::vector<const Case*>& cases) {
    for (const Case* what : cases) {
      add_once(families_, family_name(what->family));
      add_once(concurrencies_, std::to_string(what->concurrency));
      add_once(timeouts_, format_duration(what->timeout));
    }
    for (const Case* what : cases) {
      add_once(connectors_, what->connector);
      add_once(targets_, target(*what));
      add_once(loads_, load(*what));
    }
  }

  std::string target(const Case& what) const {
    const std::string& name = what.destination();
    return families_.size() < 2 ? name : fmt::format("{} ({})", name, family_name(what.family));
  }
  std::string load(const Case& what) const {
    Names parts;
    if (concurrencies_.size() > 1) parts.push_back(in_flight(what));
    if (timeouts_.size() > 1) parts.push_back("timeout " + format_duration(what.timeout));
    return joined(parts, " and ");
  }
  size_t connectors() const { return connectors_.size(); }
  size_t targets() const { return targets_.size(); }
  size_t loads() const { return loads_.size(); }

 private:
  Names families_, concurrencies_, timeouts_, connectors_, targets_, loads_;
};

// Every combination of these was skipped.
struct Group {
  std::string reason;
  Names connectors, targets, loads;
};

// Groups that differ in `member` alone become one.
std::vector<Group> merged(const std::vector<Group>& groups, Names Group::*member) {
  std::vector<Group> result;
  for (const Group& group : groups) {
    const auto same = std::ranges::find_if(result, [&](const Group& other) {
      const auto equal = [&](Names Group::*of) { return of == member || other.*of == group.*of; };
      return other.reason == group.reason && equal(&Group::connectors) && equal(&Group::targets) &&
             equal(&Group::loads);
    });
    if (same == result.end())
      result.push_back(group);
    else
      for (const std::string& name : group.*member) add_once((*same).*member, name);
  }
  return result;
}

std::string line(const Group& group, const Differences& run) {
  const std::string targets = group.targets.size() > 1 && group.targets.size() == run.targets()
                                  ? fmt::format("all {} targets", run.targets())
                                  : joined(group.targets, ", ");
  const std::string loads = group.loads.size() == run.loads() ? "" : fmt::format(" at {}", joined(group.loads, ", "));
  return fmt::format("{}: skipped for {}{}: {}", targets, some_connectors(group.connectors, run.connectors()), loads,
                     group.reason);
}

}  // namespace

std::string some_connectors(const std::vector<std::string>& names, size_t all) {
  if (names.size() == 1) return names.front();
  if (names.size() == all) return fmt::format("all {} connectors", all);
  return fmt::format("{} connectors ({})", names.size(), joined(names, ", "));
}

std::string skip_lines(const std::vector<const Case*>& run, const std::vector<SkippedCase>& skipped, size_t width) {
  std::vector<const Case*> all = run;
  for (const SkippedCase& skip : skipped) all.push_back(&skip.what);
  const Differences differences(all);
  std::vector<Group> groups;
  for (const SkippedCase& skip : skipped)
    groups.push_back(
        {skip.reason, {skip.what.connector}, {differences.target(skip.what)}, {differences.load(skip.what)}});
  groups = merged(merged(merged(groups, &Group::connectors), &Group::loads), &Group::targets);
  const TableWriter writer(width);
  std::string text;
  for (const Group& group : groups) text += writer.paragraph(line(group, differences), 4);
  return text;
}

}  // namespace connbench
