// The commands and their flags as data: what --help says, for programs that write manual pages.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace connbench {

/// An array with an object per command, in the order of --help. A program of scripts/ has no `groups`, `notes` and
/// `examples`: it knows them itself.
nlohmann::ordered_json commands_json();

}  // namespace connbench
