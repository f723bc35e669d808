#include "harness/support/proc_file.h"

#include <fcntl.h>

#include <array>
#include <charconv>

#include "harness/support/unique_fd.h"

namespace connbench {

std::string_view read_once(const char* path, std::span<char> buffer) noexcept {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t length = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  return length > 0 ? std::string_view(buffer.data(), static_cast<size_t>(length)) : std::string_view();
}

std::optional<std::string> read_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> part;
  ssize_t length;
  while ((length = ::read(file.get(), part.data(), part.size())) > 0) text.append(part.data(), size_t(length));
  if (length < 0) return std::nullopt;
  text.erase(text.find_last_not_of(" \t\n") + 1);
  return text;
}

std::string_view word(std::string_view text, size_t index) noexcept {
  constexpr std::string_view blanks = " \t";
  text = text.substr(0, text.find('\n'));
  for (;; --index) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    const size_t end = std::min(text.find_first_of(blanks), text.size());
    if (index == 0 || text.empty()) return text.substr(0, end);
    text.remove_prefix(end);
  }
}

int64_t leading_number(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<std::pair<int, int>> number_ranges(std::string_view list) {
  const char* at = list.data();
  const char* const end = at + list.size();
  std::vector<std::pair<int, int>> ranges;
  int first = 0;
  while (at < end) {
    const auto [after, error] = std::from_chars(at, end, first);
    if (error != std::errc()) break;
    int last = first;
    at = after;
    if (at < end && *at == '-') at = std::from_chars(at + 1, end, last).ptr;
    ranges.emplace_back(first, last);
    if (at < end) ++at;  // the comma
  }
  return ranges;
}

int64_t number_after(std::string_view text, std::string_view label) noexcept {
  const size_t at = text.find(label);
  return at == std::string_view::npos ? -1 : leading_number(text.substr(at + label.size()));
}

}  // namespace connbench
