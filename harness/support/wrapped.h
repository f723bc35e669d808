// Text in lines that are no longer than there is room.
#pragma once

#include <string>
#include <vector>

namespace connbench {

/// Words into lines of at most `width` bytes; what does not fit at all is cut where it must be. Each line but the first
/// begins with `hanging` blanks.
std::vector<std::string> wrapped(const std::string& text, size_t width, size_t hanging = 0);

/// Of the terminal that `fd` is; SIZE_MAX when it is none: a line may be as long as it is.
size_t terminal_columns(int fd) noexcept;

}  // namespace connbench
