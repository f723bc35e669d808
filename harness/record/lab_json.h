// A lab and how well it worked: the key "lab" of run.json.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "harness/lab/lab.h"

namespace connbench {

nlohmann::ordered_json describe_lab(const lab::Lab& lab);

}  // namespace connbench
