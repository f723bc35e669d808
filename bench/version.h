// Which connbench this is.
#pragma once

#include <string>
#include <string_view>

namespace connbench {

/// "0.1.0", as in CMakeLists.txt.
std::string_view version_number();

/// What connbench --version prints: the version, the commit, the compiler, and every library that takes part in
/// measuring.
std::string version_text();

}  // namespace connbench
