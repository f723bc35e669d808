#include "harness/support/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <stdexcept>
#include <utility>

namespace connbench {
namespace {

struct Unit {
  std::string_view name;
  uint64_t scale;
};
// The first five ascend: format_duration() walks them. µ has two code points.
constexpr Unit duration_units[] = {
    {"ns", 1},          {"us", 1'000},     {"ms", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000},
    {"\u00b5s", 1'000}, {"\u03bcs", 1'000}};
constexpr Unit size_units[] = {{"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};

[[noreturn]] void refuse(std::string_view text, std::string_view expected, std::string_view suggestion = "") {
  throw std::invalid_argument(fmt::format("'{}' is not valid: expected {}{}", text, expected,
                                          suggestion.empty() ? "" : fmt::format("; did you mean {}?", suggestion)));
}

template <class Value, class Format>
std::string range_text(const Range<Value>& valid, Format format) {
  return fmt::format("from {} to {}", format(valid.least), format(valid.most));
}

std::optional<uint64_t> scale_of(std::string_view unit, std::span<const Unit> units) {
  const auto found = std::ranges::find(units, unit, &Unit::name);
  return found == units.end() ? std::nullopt : std::optional(found->scale);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Removes the leading digits from `text` and returns them.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

// A number as people write it, in parts: "1.50ms" is whole 1, fraction 50, unit ms.
struct Parts {
  std::string_view whole, fraction, unit;
};

// nullopt when it does not begin with a number: digits, and more of them behind a point if there is one.
std::optional<Parts> parts_of(std::string_view text) {
  Parts parts;
  parts.whole = take_digits(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    parts.fraction = take_digits(text);
    if (parts.fraction.empty()) return std::nullopt;
  }
  parts.unit = text;
  if (!whole_number(parts.whole)) return std::nullopt;
  return parts;
}

std::optional<uint64_t> scaled(std::string_view digits, uint64_t scale) {
  auto value = whole_number(digits);
  if (!value || __builtin_mul_overflow(*value, scale, &*value)) return std::nullopt;
  return value;
}

// 0.digits × scale; nullopt when that is not a whole number.
std::optional<uint64_t> fraction_of(std::string_view digits, uint64_t scale) {
  uint64_t value = 0;
  for (const char digit : digits) {
    if (scale % 10 != 0 && digit != '0') return std::nullopt;
    scale /= 10;
    value += static_cast<uint64_t>(digit - '0') * scale;
  }
  return value;
}

// whole.fraction × scale; nullopt when that is not a whole number, or does not fit.
std::optional<uint64_t> exact(const Parts& parts, uint64_t scale) {
  auto total = scaled(parts.whole, scale);
  const auto part = fraction_of(parts.fraction, scale);
  if (!total || !part || __builtin_add_overflow(*total, *part, &*total)) return std::nullopt;
  return total;
}

std::optional<Duration> duration_of(std::string_view text) {
  const auto parts = parts_of(text);
  const auto scale = parts ? scale_of(parts->unit, duration_units) : std::nullopt;
  const auto total = scale ? exact(*parts, *scale) : std::nullopt;
  if (!total || *total > uint64_t{INT64_MAX}) return std::nullopt;
  return Duration(static_cast<int64_t>(*total));
}

std::optional<uint64_t> size_of(std::string_view text) {
  const auto parts = parts_of(text);
  const auto scale = parts && parts->fraction.empty() ? scale_of(parts->unit, size_units) : std::nullopt;
  return scale ? scaled(parts->whole, *scale) : std::nullopt;
}

std::optional<double> rate_of(std::string_view text) {
  const auto parts = parts_of(text);
  if (!parts || parts->unit != "/s") return std::nullopt;
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate, std::chars_format::fixed);
  return error == std::errc{} ? std::optional(rate) : std::nullopt;
}

// 10 to the power of `decimals`.
uint64_t power_of_ten(unsigned decimals) {
  uint64_t power = 1;
  for (; decimals > 0; --decimals) power *= 10;
  return power;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// How the unit of a time is written here: "msec" → "ms", "m" → "min", "MS" → "ms".
std::string_view usual_spelling(const std::string& unit) {
  constexpr std::pair<std::string_view, std::string_view> spellings[] = {
      {"m", "min"},    {"mins", "min"},  {"minute", "min"}, {"minutes", "min"}, {"sec", "s"},   {"secs", "s"},
      {"second", "s"}, {"seconds", "s"}, {"msec", "ms"},    {"msecs", "ms"},    {"usec", "us"}, {"nsec", "ns"}};
  for (const auto& [other, usual] : spellings)
    if (other == unit) return usual;
  return unit;
}

// "64k", "64KB" and "64kib" → "64KiB"; "" for anything else.
std::string suggested_size(std::string_view text) {
  std::string number(text);
  std::erase_if(number, [](char c) { return c == ',' || c == '_' || c == ' '; });
  std::string_view rest = number;
  const std::string digits(take_digits(rest));
  const std::string unit = lower(rest);
  constexpr std::pair<std::string_view, std::string_view> spellings[] = {{"k", "KiB"}, {"m", "MiB"}, {"g", "GiB"}};
  for (const auto& [letter, usual] : spellings)
    if (unit == letter || unit == fmt::format("{}b", letter) || unit == fmt::format("{}ib", letter))
      return fmt::format("{}{}", digits, usual);
  return unit.empty() || unit == "b" ? digits : "";
}

std::string duration_bound(Duration d) {
  if (d == Duration::max()) return "292 years";
  constexpr Duration minute = std::chrono::minutes(1);
  return d >= minute && d % minute == Duration::zero() ? fmt::format("{}min", d / minute) : format_duration(d);
}

}  // namespace

std::optional<uint64_t> whole_number(std::string_view text) noexcept {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || !is_digit(text.front()) || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stopped == end ? std::optional(value) : std::nullopt;
}

uint64_t parse_count(std::string_view text, Range<uint64_t> valid) {
  const auto count = whole_number(text);
  if (count && valid.contains(*count)) return *count;
  const auto meant = whole_number(suggested_count(text));
  refuse(text, fmt::format("a whole number {}", range_text(valid, [](uint64_t value) { return value; })),
         meant && valid.contains(*meant) ? suggested_count(text) : "");
}

uint64_t parse_size(std::string_view text, Range<uint64_t> valid) {
  const auto bytes = size_of(text);
  if (bytes && valid.contains(*bytes)) return *bytes;
  const std::string suggestion = suggested_size(text);
  const auto meant = bytes ? std::nullopt : size_of(suggestion);
  refuse(
      text,
      fmt::format("whole bytes, or a number with KiB, MiB or GiB, {}, such as 64KiB", range_text(valid, format_size)),
      meant && valid.contains(*meant) ? suggestion : "");
}

Duration parse_duration(std::string_view text, Range<Duration> valid, std::string_view usual_unit) {
  const auto time = duration_of(text);
  if (time && valid.contains(*time)) return *time;
  const std::string suggestion = suggested_duration(text, usual_unit);
  const auto meant = duration_of(suggestion);
  refuse(text,
         fmt::format("a time {} with a unit of ns, us, ms, s or min, such as 200ms or 1.5s",
                     range_text(valid, duration_bound)),
         meant && valid.contains(*meant) ? suggestion : "");
}

double parse_rate(std::string_view text, Range<double> valid) {
  const auto rate = rate_of(text);
  if (rate && valid.contains(*rate)) return *rate;
  const std::string suggestion = suggested_rate(text);
  const auto meant = rate_of(suggestion);
  refuse(text, fmt::format("a rate {}, such as 5000/s", range_text(valid, format_rate)),
         meant && valid.contains(*meant) ? suggestion : "");
}

uint64_t parse_percent(std::string_view text, unsigned decimals, Range<uint64_t> valid) {
  const auto parts = parts_of(text);
  const auto value = parts && parts->unit.empty() ? exact(*parts, power_of_ten(decimals)) : std::nullopt;
  if (value && valid.contains(*value)) return *value;
  refuse(text,
         fmt::format("a percentage {} with at most {} decimals",
                     range_text(valid, [=](uint64_t bound) { return format_percent(bound, decimals); }), decimals));
}

std::string format_duration(Duration d) {
  const bool negative = d < Duration::zero();
  const uint64_t ns = negative ? -static_cast<uint64_t>(d.count()) : static_cast<uint64_t>(d.count());
  if (ns == 0) return "0s";
  const auto* unit = &duration_units[3];
  while (ns < unit->scale) --unit;
  std::string text = fmt::format("{}{}", negative ? "-" : "", ns / unit->scale);
  if (const auto part = ns % unit->scale; part != 0) {
    const auto digits = std::to_string(unit->scale + part).substr(1);  // with its leading zeros
    text += '.' + digits.substr(0, digits.find_last_not_of('0') + 1);
  }
  return text.append(unit->name);
}

std::string format_size(uint64_t bytes) {
  const auto* unit = &size_units[std::size(size_units) - 1];
  while (bytes % unit->scale != 0 || (bytes == 0 && unit->scale > 1)) --unit;
  return fmt::format("{}{}", bytes / unit->scale, unit->name);
}

std::string format_rate(double per_second) {
  return fmt::format("{}/s", per_second);
}

std::string format_percent(uint64_t value, unsigned decimals) {
  const uint64_t scale = power_of_ten(decimals);
  std::string text = std::to_string(value / scale);
  if (const uint64_t part = value % scale; part != 0) {
    const std::string digits = std::to_string(scale + part).substr(1);
    text += '.' + digits.substr(0, digits.find_last_not_of('0') + 1);
  }
  return text;
}

// "10k" → "10000", "5x" → "5", "10_000" → "10000".
std::string suggested_count(std::string_view text) {
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == '_' || c == '\'' || c == ','; });
  std::string zeros;
  if (digits.ends_with('k') || digits.ends_with('K')) zeros = "000";
  if (digits.ends_with('M')) zeros = "000000";
  if (!zeros.empty() || digits.ends_with('x')) digits.pop_back();
  const std::string count = digits + zeros;
  return count != text && whole_number(count) ? count : "";
}

// "1m" → "1min", "1,5s" → "1.5s", "100" → "100ms" if that is the usual unit.
std::string suggested_duration(std::string_view text, std::string_view usual_unit) {
  std::string number(text.substr(0, text.find_first_not_of("0123456789.,")));
  std::string unit = lower(text.substr(number.size()));
  std::erase(unit, ' ');
  std::ranges::replace(number, ',', '.');
  const std::string time = number + std::string(unit.empty() ? usual_unit : usual_spelling(unit));
  return time != text && duration_of(time) ? time : "";
}

// "1000" → "1000/s", "10k/s" → "10000/s", "1,000/s" → "1000/s".
std::string suggested_rate(std::string_view text) {
  const std::string_view number = text.substr(0, text.find('/'));
  const std::string count = suggested_count(number);
  const std::string rate = fmt::format("{}/s", count.empty() ? std::string(number) : count);
  return rate != text && rate_of(rate) ? rate : "";
}

}  // namespace connbench
