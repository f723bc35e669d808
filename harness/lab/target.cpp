#include "harness/lab/target.h"

#include <algorithm>
#include <stdexcept>

#include "harness/units.h"

namespace connbench {

bool TargetEntry::serves(Family family) const noexcept {
  return std::find(families.begin(), families.end(), family) != families.end();
}

const TargetEntry& find_target(std::string_view name) {
  std::vector<std::string_view> known;
  for (const TargetEntry* entry : targets()) {
    if (entry->name == name) return *entry;
    known.push_back(entry->name);
  }
  throw std::invalid_argument(unknown_name("target", name, known));
}

}  // namespace connbench
