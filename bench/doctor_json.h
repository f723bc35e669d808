// `connbench doctor --format json`.
#pragma once

#include <string>

namespace connbench {

/// One JSON object, with a final newline. Call it while this process has one thread.
std::string findings_json();

}  // namespace connbench
