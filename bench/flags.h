// Reading the values of flags. Every complaint names its flag and says what would be right.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/connector/retirement.h"
#include "harness/support/clock.h"
#include "harness/support/quantity.h"

namespace connbench {

/// @throws std::invalid_argument "--name: what"
[[noreturn]] void refuse_flag(std::string_view name, std::string_view what);

/// Runs `read` and puts the flag's name in front of what it complains of.
template <class Read>
auto for_flag(std::string_view name, Read read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    refuse_flag(name, error.what());
  }
}

/// Each text of a list, read by `read(text)`.
template <class Value, class Read>
std::vector<Value> for_each_text(std::string_view name, const std::vector<std::string>& texts, Read read) {
  std::vector<Value> values;
  for (const std::string& text : texts) values.push_back(for_flag(name, [&] { return read(text); }));
  return values;
}

/// Refuses equal values, which would make two rows that nobody can tell apart. @param texts how each was spelt
template <class Value>
void refuse_equal(std::string_view name, const std::vector<Value>& values, const std::vector<std::string>& texts) {
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (values[i] == values[j])
        refuse_flag(name, texts[j] + " is given twice" + (texts[i] == texts[j] ? "" : " (as " + texts[i] + ")"));
}

/// One of `known`; otherwise the complaint suggests the nearest.
std::string_view one_of(std::string_view name, std::string_view text, const std::vector<std::string_view>& known);

/// A whole number from 1 to `most`.
size_t read_count(std::string_view name, std::string_view text, size_t most);

/// @param unit what is suggested when the time has none
Duration read_time(std::string_view name, std::string_view text, Range<Duration> valid, std::string_view unit = "ms");

/// The items of a list, each as read_count() and read_time() read it. The parts of "1,024" and "1,5s" are explained.
/// Equal values, however they are spelt, would make two rows that nobody can tell apart: they are refused.
std::vector<size_t> read_counts(std::string_view name, const std::vector<std::string>& texts, size_t most);
std::vector<Duration> read_times(std::string_view name, const std::vector<std::string>& texts, Range<Duration> valid);

/// The seed in `text`, or a random one for "".
uint64_t read_seed(std::string_view text);

/// "4", "6" or "unix".
Family read_family(std::string_view name, std::string_view text, std::initializer_list<std::string_view> known);

/// One of `close_modes`.
CloseMode read_close(std::string_view text);

/// How `text` should have been written as a value of --arrival: "uniform:1000/s or poisson:1000/s" for "1000/s". ""
/// when that cannot be guessed.
std::string suggested_arrival(std::string_view text);

}  // namespace connbench
