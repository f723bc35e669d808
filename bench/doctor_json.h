// `connbench doctor --format json`.
#pragma once

#include <string>

#include "bench/doctor_table.h"

namespace connbench {

/// One JSON object, with a final newline. Asks the machine only which processors to suggest.
std::string findings_json(const Diagnosis& diagnosis);

}  // namespace connbench
