// What --help prints. Every line fits 80 columns.
#pragma once

#include <span>
#include <string>

#include "bench/command_line.h"

namespace connbench {

/// `connbench run --help`.
std::string help_of(const Command& command);

/// `connbench --help`.
std::string help_of_program(std::span<const Command> commands);

}  // namespace connbench
