// Breaks text into lines that fit the room available.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace connbench {

/// Breaks `text` between words into lines of at most `width` bytes. A word that does not fit into a line is cut. Every
/// line but the first begins with `hanging` blanks.
std::vector<std::string> wrapped(const std::string& text, size_t width, size_t hanging = 0);

/// The width of the terminal `fd`; SIZE_MAX when it is not a terminal, so that lines are not broken.
size_t terminal_columns(int fd) noexcept;

}  // namespace connbench
