// Quantities for people, and the names nearest to misspelt ones. quantity.h reads quantities from text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/clock.h"
#include "harness/support/quantity.h"

namespace connbench {

/// For people, with three significant digits: "1.23 ms", "456 µs".
std::string human_readable(Duration d);

/// The known name nearest to `name` by edit distance; "" when none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known);
/// The message for an unknown name: "unknown connector 'epol': did you mean 'epoll'? Known: null, blocking, …".
/// @param listed_by for long lists: what shows the known names, "connbench list"; it replaces them next to a suggestion
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known,
                         std::string_view listed_by = "");

}  // namespace connbench
