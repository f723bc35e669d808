// Reading flags: what is wrong with one is told with its name.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

/// Runs `read` and puts the flag's name before what it complains of.
template <class Read>
auto flag(std::string_view name, Read read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", name, error.what()));
  }
}

template <class Value, class Read>
std::vector<Value> each(std::string_view name, const std::vector<std::string>& texts, Read read) {
  std::vector<Value> values;
  for (const std::string& text : texts) {
    values.push_back(flag(name, [&] { return read(text); }));
  }
  return values;
}

/// Twice the same name would make two rows that nobody can tell apart.
inline void refuse_repetition(std::string_view name, std::vector<std::string> texts) {
  std::ranges::sort(texts);
  const auto twice = std::ranges::adjacent_find(texts);
  if (twice != texts.end()) throw std::invalid_argument(fmt::format("{}: {} is given twice", name, *twice));
}

template <class Value>
Value at_most(std::string_view name, Value value, Value most, std::string_view most_text) {
  if (value > most) throw std::invalid_argument(fmt::format("{}: at most {}", name, most_text));
  return value;
}

inline std::string_view one_of(std::string_view name, std::string_view text,
                               std::initializer_list<std::string_view> known) {
  for (const std::string_view candidate : known)
    if (candidate == text) return candidate;
  throw std::invalid_argument(fmt::format("{}: '{}' is not one of {}", name, text, fmt::join(known, ", ")));
}

/// For CLI11, which makes a huge number of a negative one. @return what is wrong, or nothing
inline std::string not_negative(const std::string& text) {
  return text.starts_with('-') ? fmt::format("'{}' is below zero", text) : "";
}

}  // namespace connbench
