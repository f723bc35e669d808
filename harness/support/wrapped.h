// Text in lines that fit the terminal.
#pragma once

#include <string>
#include <vector>

namespace connbench {

/// Breaks text into lines of at most `width` bytes: at blanks, or else between the parts of a name ("a,b", "a+b"). A
/// word that does not fit at all is cut. Each line but the first begins with `hanging` blanks.
std::vector<std::string> wrapped(const std::string& text, size_t width, size_t hanging = 0);

/// Columns of the terminal that `fd` is; SIZE_MAX when it is none.
size_t terminal_columns(int fd) noexcept;

/// How wide a line on `fd` may be. On a terminal: $COLUMNS if it is a number, as POSIX says, otherwise the terminal's
/// own width. SIZE_MAX when `fd` is no terminal, whatever $COLUMNS says: files and pipes get everything.
size_t output_columns(int fd) noexcept;

}  // namespace connbench
