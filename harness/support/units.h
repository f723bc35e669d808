// Quantities as people write them: 200ms, 5000/s, 64KiB. Parsing is strict: a number without its unit is an error.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// "250us", "200ms", "1.5s", "2min" (ns, us, µs, ms, s, min). @throws std::invalid_argument when it is negative, has no
/// unit or is not a number; the message says what is expected
Duration parse_duration(std::string_view text);
/// "64KiB", "8MiB", "1GiB", or plain bytes. @throws std::invalid_argument
size_t parse_size(std::string_view text);
/// A whole number of at least 1. @throws std::invalid_argument
size_t parse_count(std::string_view text);
/// "5000/s" → 5000.0, above zero. @throws std::invalid_argument
double parse_rate(std::string_view text);

/// The shortest exact form: 200ms, 1.5s, 250us, 7ns. parse_duration() reads it back.
std::string format_duration(Duration d);
/// For people, with three significant digits: "1.23 ms", "456 µs".
std::string human_readable(Duration d);

/// The known name nearest to `name` by edit distance; "" when none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known);
/// The message for an unknown name: "unknown connector 'epol': did you mean 'epoll'? Known: null, blocking, …".
/// @param listed_by for long lists: what shows the known names, "connbench list"; it replaces them next to a suggestion
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known,
                         std::string_view listed_by = "");

}  // namespace connbench
