// Lists in text.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace connbench {

/// The texts with `separator` between them. Takes a fraction of a second less to compile than fmt::join() in each file.
/// @param text_of makes a text of each element
template <class Texts, class TextOf = std::identity>
std::string joined(const Texts& texts, std::string_view separator, TextOf text_of = {}) {
  std::string result;
  bool first = true;
  for (const auto& text : texts) {
    if (!first) result += separator;
    result += std::string_view(std::invoke(text_of, text));  // a number is no text: it would be appended as a character
    first = false;
  }
  return result;
}

}  // namespace connbench
