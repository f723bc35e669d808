// What a connector says of itself, as the records and `connbench list --format json` print it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "harness/connector/connector.h"

namespace connbench {

/// One key per member of Capabilities, durations in nanoseconds (`granularity_ns`), plus `has_deadline`. Enumerators
/// are spelled as in the code: "per_attempt", "socket_option". `max_in_flight` is 0 when there is no limit.
nlohmann::ordered_json capabilities_json(const Capabilities& capabilities);

}  // namespace connbench
