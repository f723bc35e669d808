// A host chosen by the user: the only target on a real network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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

/// Reads "host:80", "192.0.2.1:80", "[2001:db8::1]:80" or "[fe80::1%eth0]:80". Looks nothing up: the target has no
/// addresses yet. Its name is the same for all spellings of one address.
/// @throws std::invalid_argument that says how it should have been written
NamedTarget parse_external(std::string_view text);

/// The addresses of a host in one family.
struct Lookup {
  std::optional<HostAddress> found;  ///< nullopt: none
  std::string why_not;               ///< "" when there is one
  bool machine_failed = false;       ///< nothing was found because the machine could not ask; another time it may
};
/// @param host of parse_external()
Lookup look_up(const NamedTarget& host, Family family);

/// After all families of a run were looked up: a connector that may use all addresses of a host gets those of every
/// family, beginning with the one of its case.
void add_other_families(NamedTarget& host);

}  // namespace connbench
