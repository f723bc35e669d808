// Formats a trace for programs; docs/tracing.md describes the format.
#pragma once

#include <nlohmann/json.hpp>

#include "harness/trace/events.h"

namespace connbench::trace {

nlohmann::ordered_json to_json(const Trace& trace);

}  // namespace connbench::trace
