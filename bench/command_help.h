// What --help prints. Every line fits 80 columns.
#pragma once

#include <span>
#include <string>

#include "bench/command_line.h"

namespace connbench {

/// What --help shows as the default of a flag; "" = it has none.
std::string default_of(const Flag& flag);

/// `connbench run --help`.
std::string help_of(const Command& command);

/// `connbench --help`.
std::string help_of_program(std::span<const Command> commands);

}  // namespace connbench
