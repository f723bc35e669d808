#include "harness/support/wrapped.h"

#include <sys/ioctl.h>

namespace connbench {

std::vector<std::string> wrapped(const std::string& text, size_t width, size_t hanging) {
  std::vector<std::string> lines;
  std::string rest = text;
  while (rest.size() > width) {
    size_t at = rest.rfind(' ', width);
    if (at == std::string::npos || at < width / 3) at = width;
    lines.push_back(rest.substr(0, at));
    rest = std::string(hanging, ' ') + rest.substr(rest[at] == ' ' ? at + 1 : at);
  }
  lines.push_back(rest);
  return lines;
}

size_t terminal_columns(int fd) noexcept {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : SIZE_MAX;
}

}  // namespace connbench
