#include "harness/support/wrapped.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "harness/support/quantity.h"

namespace connbench {
namespace {

// Where a line of at most `width` bytes ends: at a blank; else between the parts of a name; else in the middle of a
// word, but never of a character.
size_t line_end(const std::string& text, size_t from, size_t width) {
  const size_t least = std::max(from + 1, width / 3);
  if (const size_t blank = text.rfind(' ', width); blank != std::string::npos && blank >= least) return blank;
  if (const size_t part = text.find_last_of(",|", width - 1); part != std::string::npos && part + 1 >= least)
    return part + 1;
  if (const size_t part = text.find_last_of("+_", width); part != std::string::npos && part >= least) return part;
  size_t at = width;
  while (at > from + 1 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

}  // namespace

std::vector<std::string> wrapped(const std::string& text, size_t width, size_t hanging) {
  width = std::max(width, hanging + 1);
  std::vector<std::string> lines;
  std::string rest = text;
  size_t indented = 0;
  while (rest.size() > width) {
    const size_t at = line_end(rest, indented, width);
    lines.push_back(rest.substr(0, at));
    rest = std::string(hanging, ' ') + rest.substr(rest[at] == ' ' ? at + 1 : at);
    indented = hanging;
  }
  lines.push_back(rest);
  return lines;
}

size_t terminal_columns(int fd) noexcept {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : SIZE_MAX;
}

size_t output_columns(int fd) noexcept {
  const size_t columns = terminal_columns(fd);
  const char* wanted = std::getenv("COLUMNS");
  if (columns == SIZE_MAX || wanted == nullptr) return columns;
  const auto chosen = whole_number(wanted);
  return chosen && *chosen > 1 ? *chosen : columns;
}

}  // namespace connbench
