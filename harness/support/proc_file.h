// Small files of /proc and /sys: one open, one read, no streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace connbench {

/// What one read() of `path` gives, as far as it fits into `buffer`; empty when it cannot be read.
std::string_view read_once(const char* path, std::span<char> buffer) noexcept;

/// The whole file, without trailing white space; nullopt when it cannot be read.
std::optional<std::string> read_text(const std::string& path);

/// The `index`th (from 0) blank-separated word of `text`'s first line; empty when there are fewer.
std::string_view word(std::string_view text, size_t index) noexcept;

/// The number that `text` begins with, after blanks; -1 when it begins with none.
int64_t leading_number(std::string_view text) noexcept;

/// The number behind the first `label`, e.g. "VmHWM:"; -1 when there is none.
int64_t number_after(std::string_view text, std::string_view label) noexcept;

}  // namespace connbench
