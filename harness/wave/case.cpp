#include "harness/wave/case.h"

#include <fmt/format.h>

#include "harness/support/units.h"

namespace connbench {

std::string Case::describe_load() const {
  return fmt::format("{} ({}{}, {} in flight{}{}, timeout {})", destination(),
                     family == Family::unix_domain ? "" : "IPv", to_string(family), concurrency,
                     shards == 1 ? "" : fmt::format(" in {} shards", shards),
                     hosts == 1 ? "" : fmt::format(" on {} hosts", hosts), format_duration(timeout));
}

std::string Case::describe() const {
  return fmt::format("{} on {}", connector, describe_load());
}

}  // namespace connbench
