// Reads small files of /proc and /sys without streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace connbench {

/// What one read() of `path` returns, at most as much as fits into `buffer`; empty when it cannot be read.
std::string_view read_once(const char* path, std::span<char> buffer) noexcept;

/// The whole file, without trailing white space; nullopt when it cannot be read.
std::optional<std::string> read_text(const std::string& path);

/// The word number `index`, from 0, of the first line of `text`, separated by blanks; empty when there are fewer.
std::string_view word(std::string_view text, size_t index) noexcept;

/// The number at the beginning of `text`, after blanks; -1 when there is none.
int64_t leading_number(std::string_view text) noexcept;

/// The ranges of a list such as "0-3,8", both ends included: (0, 3) and (8, 8). Ends at what is no such list.
std::vector<std::pair<int, int>> number_ranges(std::string_view list);

/// The number after the first `label`, e.g. "VmHWM:"; -1 when there is none.
int64_t number_after(std::string_view text, std::string_view label) noexcept;

}  // namespace connbench
