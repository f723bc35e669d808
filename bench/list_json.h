// `connbench list --format json`.
#pragma once

#include <string>

namespace connbench {

/// One JSON object, with a final newline: what can be chosen, and what the records of a run look like. Asks every
/// connector for its capabilities, in children: call it while this process has one thread.
std::string inventory_json();

}  // namespace connbench
