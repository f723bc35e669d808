#include "bench/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <random>
#include <utility>

#include "harness/connector/options.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
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

// "10k" → "10000", "5x" → "5", "10_000" → "10000"; "" for anything else.
std::string suggested_count(std::string_view text) {
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == '_' || c == '\'' || c == ','; });
  std::string zeros;
  if (digits.ends_with('k') || digits.ends_with('K')) zeros = "000";
  if (digits.ends_with('M')) zeros = "000000";
  if (!zeros.empty() || digits.ends_with('x')) digits.pop_back();
  const std::string count = digits + zeros;
  return reads([&] { parse_count(count); }) ? count : "";
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// How the unit of a time is written here: "msec" → "ms", "m" → "min", "MS" → "ms".
std::string_view usual_unit(const std::string& unit) {
  constexpr std::pair<std::string_view, std::string_view> spellings[] = {
      {"m", "min"},    {"mins", "min"},  {"minute", "min"}, {"minutes", "min"}, {"sec", "s"},   {"secs", "s"},
      {"second", "s"}, {"seconds", "s"}, {"msec", "ms"},    {"msecs", "ms"},    {"usec", "us"}, {"nsec", "ns"}};
  for (const auto& [other, usual] : spellings)
    if (other == unit) return usual;
  return unit;
}

// "1m" → "1min", "1,5s" → "1.5s", "100" → "100ms" if that is `usual`; "" for anything else.
std::string suggested_time(std::string_view text, std::string_view usual) {
  std::string number(text.substr(0, text.find_first_not_of("0123456789.,")));
  std::string unit = lower(text.substr(number.size()));
  std::erase(unit, ' ');
  std::ranges::replace(number, ',', '.');
  const std::string time = number + std::string(unit.empty() ? usual : usual_unit(unit));
  return reads([&] { parse_duration(time); }) ? time : "";
}

// The nearest name; or else the only value that `text` contains ("ipv4" contains "4").
std::string suggested_value(std::string_view text, const std::vector<std::string_view>& known) {
  if (std::string nearest = nearest_name(text, known); !nearest.empty()) return nearest;
  const auto contained = [text](std::string_view value) { return text.find(value) != std::string_view::npos; };
  if (std::ranges::count_if(known, contained) != 1) return "";
  return std::string(*std::ranges::find_if(known, contained));
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

void refuse_repetition(std::string_view name, std::vector<std::string> texts) {
  std::ranges::sort(texts);
  const auto twice = std::ranges::adjacent_find(texts);
  if (twice != texts.end()) refuse_flag(name, *twice + " is given twice");
}

std::string_view one_of(std::string_view name, std::string_view text, const std::vector<std::string_view>& known) {
  const auto found = std::ranges::find(known, text);
  if (found != known.end()) return *found;
  refuse_with_suggestion(name, fmt::format("'{}' is not one of {}", text, joined(known, ", ")),
                         suggested_value(text, known));
}

size_t read_count(std::string_view name, std::string_view text, size_t most) {
  size_t count = 0;
  try {
    count = parse_count(text);
  } catch (const std::invalid_argument& error) {
    refuse_with_suggestion(name, error.what(), suggested_count(text));
  }
  if (count > most) refuse_flag(name, fmt::format("at most {}", most));
  return count;
}

Duration read_time(std::string_view name, std::string_view text, const TimeBound& bound) {
  Duration time{};
  try {
    time = parse_duration(text);
  } catch (const std::invalid_argument& error) {
    refuse_with_suggestion(name, error.what(), suggested_time(text, bound.unit));
  }
  if (time <= Duration::zero()) refuse_flag(name, "must be above zero");
  if (time > bound.most) refuse_flag(name, fmt::format("at most {}", bound.most_text));
  return time;
}

double read_rate(std::string_view name, std::string_view text) {
  try {
    return parse_rate(text);
  } catch (const std::invalid_argument& error) {
    refuse_with_suggestion(name, error.what(), is_number(text) ? fmt::format("{}/s", text) : "");
  }
}

std::vector<size_t> read_counts(std::string_view name, const std::vector<std::string>& texts, size_t most) {
  std::vector<size_t> counts;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string meant = i > 0 && texts[i] == "000" ? suggested_count(texts[i - 1] + texts[i]) : "";
    counts.push_back(with_comma_hint(meant, [&] { return read_count(name, texts[i], most); }));
  }
  return counts;
}

std::vector<Duration> read_times(std::string_view name, const std::vector<std::string>& texts, const TimeBound& bound) {
  std::vector<Duration> times;
  for (size_t i = 0; i < texts.size(); ++i) {
    const bool begins = i + 1 < texts.size() && is_number(texts[i]);
    const std::string meant = begins ? suggested_time(texts[i] + '.' + texts[i + 1], bound.unit) : "";
    times.push_back(with_comma_hint(meant, [&] { return read_time(name, texts[i], bound); }));
  }
  return times;
}

uint64_t read_seed(std::string_view text) {
  if (text.empty()) return std::random_device{}();
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size())
    refuse_flag("--seed", fmt::format("'{}' is not a whole number from 0 to {}", text, UINT64_MAX));
  return seed;
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
  std::string rate(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (!rate.ends_with("/s")) rate += "/s";
  if (!reads([&] { parse_rate(rate); })) return "";
  if (colon == std::string_view::npos) return fmt::format("uniform:{} or poisson:{}", rate, rate);
  const std::string form = nearest_name(text.substr(0, colon), {"uniform", "poisson"});
  return form.empty() ? "" : fmt::format("{}:{}", form, rate);
}

}  // namespace connbench
