#include "bench/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "harness/connector/options.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

template <class Read>
bool reads(Read read) {
  try {
    read();
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

[[noreturn]] void refuse_with_suggestion(std::string_view name, std::string_view what, std::string_view suggestion) {
  refuse_flag(name, suggestion.empty() ? std::string(what) : fmt::format("{}; did you mean {}?", what, suggestion));
}

// The nearest name; or else the only value that `text` contains ("ipv4" contains "4").
std::string suggested_value(std::string_view text, const std::vector<std::string_view>& known) {
  if (std::string nearest = nearest_name(text, known); !nearest.empty()) return nearest;
  const auto contained = [text](std::string_view value) { return text.find(value) != std::string_view::npos; };
  if (std::ranges::count_if(known, contained) != 1) return "";
  return std::string(*std::ranges::find_if(known, contained));
}

bool is_group_of_thousands(std::string_view text) {
  return text.size() == 3 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The number whose groups of thousands end with items[at]: "1,024,000" is split into 1, 024 and 000. "" if there is
// none.
std::string thousands(const std::vector<std::string>& items, size_t at) {
  size_t begin = at;
  while (begin > 0 && is_group_of_thousands(items[begin])) --begin;
  if (begin == at) return "";
  std::string number = items[begin];
  for (size_t i = begin + 1; i < items.size() && is_group_of_thousands(items[i]); ++i) number += items[i];
  return whole_number(number) ? number : "";
}

// Runs `read`, and adds to what it complains of that "1,5s" is not one value but two, of which it read one.
template <class Read>
auto with_comma_hint(const std::string& meant, Read read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    if (meant.empty()) throw;
    throw std::invalid_argument(
        fmt::format("{} (a comma separates values: if one value was meant, write {})", error.what(), meant));
  }
}

}  // namespace

void refuse_flag(std::string_view name, std::string_view what) {
  throw std::invalid_argument(fmt::format("{}: {}", name, what));
}

std::string_view one_of(std::string_view name, std::string_view text, const std::vector<std::string_view>& known) {
  const auto found = std::ranges::find(known, text);
  if (found != known.end()) return *found;
  refuse_with_suggestion(name, fmt::format("'{}' is not one of {}", text, joined(known, ", ")),
                         suggested_value(text, known));
}

size_t read_count(std::string_view name, std::string_view text, size_t most) {
  return for_flag(name, [&] { return parse_count(text, {1, most}); });
}

Duration read_time(std::string_view name, std::string_view text, Range<Duration> valid, std::string_view unit) {
  return for_flag(name, [&] { return parse_duration(text, valid, unit); });
}

std::vector<size_t> read_counts(std::string_view name, const std::vector<std::string>& texts, size_t most) {
  std::vector<size_t> counts;
  for (size_t i = 0; i < texts.size(); ++i)
    counts.push_back(with_comma_hint(thousands(texts, i), [&] { return read_count(name, texts[i], most); }));
  refuse_equal(name, counts, texts);
  return counts;
}

std::vector<Duration> read_times(std::string_view name, const std::vector<std::string>& texts, Range<Duration> valid) {
  std::vector<Duration> times;
  for (size_t i = 0; i < texts.size(); ++i) {
    const bool begins = i + 1 < texts.size() && is_number(texts[i]);
    const std::string meant = begins ? suggested_duration(texts[i] + ',' + texts[i + 1], "ms") : "";
    times.push_back(with_comma_hint(meant, [&] { return read_time(name, texts[i], valid); }));
  }
  refuse_equal(name, times, texts);
  return times;
}

uint64_t read_seed(std::string_view text) {
  if (text.empty()) return std::random_device{}();
  return for_flag("--seed", [&] { return parse_count(text, {0, UINT64_MAX}); });
}

Family read_family(std::string_view name, std::string_view text, std::initializer_list<std::string_view> known) {
  const std::string_view family = one_of(name, text, known);
  return family == "4" ? Family::ipv4 : family == "6" ? Family::ipv6 : Family::unix_domain;
}

CloseMode read_close(std::string_view text) {
  return parse_close_mode(one_of("--close", text, values_of(close_modes)));
}

std::string suggested_arrival(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view given = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const std::string meant = suggested_rate(given);
  const std::string rate = meant.empty() ? std::string(given) : meant;
  if (!reads([&] { parse_rate(rate); })) return "";
  if (colon == std::string_view::npos) return fmt::format("uniform:{} or poisson:{}", rate, rate);
  const std::string form = nearest_name(text.substr(0, colon), {"uniform", "poisson"});
  return form.empty() ? "" : fmt::format("{}:{}", form, rate);
}

}  // namespace connbench
