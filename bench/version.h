// What connbench --version prints.
#pragma once

#include <string>

namespace connbench {

/// The version, the commit, the compiler, and every library that takes part in measuring.
std::string version_text();

}  // namespace connbench
