// Properties that must hold for any words on the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace connbench {

/// Reads `text` as the words behind "connbench", one per line, as the program does before it starts anything. Either
/// all values are valid, and mean the same when they are written in their canonical spelling, or the complaint is one
/// line. Looks up no names: link it with --wrap=getaddrinfo. Aborts when a property is violated.
void check_command_line(std::string_view text);

/// Command lines that together name every flag, option, target and form of a value.
const std::vector<std::string>& command_line_seeds();

}  // namespace connbench
