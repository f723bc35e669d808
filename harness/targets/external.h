// A host of the user's own: the only target that is on a real network.
#pragma once

#include <optional>
#include <string_view>

#include "harness/targets/target.h"

namespace connbench {

/// What connbench does to somebody's host, unless each bound is raised by a flag of its own: it is no SYN flooder.
struct ExternalBounds {
  double per_second = 1000;  ///< attempts
  size_t attempts = 10'000;  ///< in the whole run
  size_t concurrency = 256;
};

/// Its row; not in the table, since it has no name of its own.
extern const TargetEntry external_target;

/// "host:port", "192.0.2.1:80", "[2001:db8::1]:80": nothing when the text is none of these.
std::optional<NamedTarget> parse_external(std::string_view text);

}  // namespace connbench
