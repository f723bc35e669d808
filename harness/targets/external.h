// A host chosen by the user: the only target on a real network.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "harness/targets/target.h"

namespace connbench {

/// Limits on the load on someone's host, each raised by its own flag: connbench must not become a SYN flooder.
struct ExternalBounds {
  double per_second = 1000;  ///< attempts per second
  size_t attempts = 10'000;  ///< attempts in the whole run
  size_t concurrency = 256;
};

/// The entry of such a target. It is not in the table, because it has no name of its own.
extern const TargetEntry external_target;

/// Parses "host:port", "192.0.2.1:80" or "[2001:db8::1]:80"; nullopt when the text is none of these.
std::optional<NamedTarget> parse_external(std::string_view text);

}  // namespace connbench
