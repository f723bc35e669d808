#include "harness/support/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>

#include "harness/support/joined.h"

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

constexpr std::string_view duration_form =
    "a time of 0 to 292 years with a unit of ns, us, ms, s or min, such as 200ms or 1.5s";
constexpr std::string_view size_form = "whole bytes, or a number with KiB, MiB or GiB, such as 65536 or 64KiB";
constexpr std::string_view count_form = "a whole number from 1 to 18446744073709551615";
constexpr std::string_view rate_form = "a number above zero followed by /s, such as 5000/s";

[[noreturn]] void refuse(std::string_view text, std::string_view expected) {
  throw std::invalid_argument(fmt::format("'{}' is not valid: expected {}", text, expected));
}

std::optional<uint64_t> scale_of(std::string_view unit, std::span<const Unit> units) {
  const auto found = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == unit; });
  if (found == units.end()) return std::nullopt;
  return found->scale;
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

// digits × scale; nullopt without digits or on overflow.
std::optional<uint64_t> scaled(std::string_view digits, uint64_t scale) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || __builtin_mul_overflow(value, scale, &value)) return std::nullopt;
  return value;
}

// 0.digits × scale; nullopt when that is not a whole number.
std::optional<uint64_t> fraction_of(std::string_view digits, uint64_t scale) {
  uint64_t value = 0;
  for (char digit : digits) {
    if (scale % 10 != 0 && digit != '0') return std::nullopt;
    scale /= 10;
    value += static_cast<uint64_t>(digit - '0') * scale;
  }
  return value;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// How many insertions, deletions, substitutions and swaps of neighbours turn `a` into `b`.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last.back();
}

}  // namespace

Duration parse_duration(std::string_view text) {
  std::string_view rest = text;
  const auto whole = take_digits(rest);
  std::string_view fraction = "";
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
    if (fraction.empty()) refuse(text, duration_form);
  }
  const auto scale = scale_of(rest, duration_units);
  if (!scale) refuse(text, duration_form);
  const auto part = fraction_of(fraction, *scale);
  if (!part) refuse(text, "a whole number of nanoseconds");
  auto total = scaled(whole, *scale);
  if (!total || __builtin_add_overflow(*total, *part, &*total) || *total > uint64_t{INT64_MAX})
    refuse(text, duration_form);
  return Duration(static_cast<int64_t>(*total));
}

size_t parse_size(std::string_view text) {
  std::string_view rest = text;
  const auto digits = take_digits(rest);
  const auto scale = scale_of(rest, size_units);
  const auto bytes = scale ? scaled(digits, *scale) : std::nullopt;
  if (!bytes) refuse(text, size_form);
  return *bytes;
}

size_t parse_count(std::string_view text) {
  std::string_view rest = text;
  const auto count = scaled(take_digits(rest), 1);
  if (!rest.empty() || !count || *count == 0) refuse(text, count_form);
  return *count;
}

double parse_rate(std::string_view text) {
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || unit != "/s" || !std::isfinite(rate) || rate <= 0) refuse(text, rate_form);
  return rate;
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

std::string human_readable(Duration d) {
  constexpr std::array<std::string_view, 4> names = {"ns", "µs", "ms", "s"};
  auto value = static_cast<double>(d.count());
  size_t unit = 0;
  for (; std::abs(value) >= 999.5 && unit + 1 < names.size(); ++unit) value /= 1000;
  const double size = std::abs(value);
  const int decimals = unit == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, names[unit]);
}

std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string wanted = lower(name);
  const auto begins = [&](std::string_view k) { return lower(k).starts_with(wanted); };
  if (!wanted.empty() && std::count_if(known.begin(), known.end(), begins) == 1) {
    return std::string(*std::find_if(known.begin(), known.end(), begins));
  }
  std::string_view nearest;
  size_t least = std::numeric_limits<size_t>::max();
  for (std::string_view candidate : known) {
    const size_t distance = edit_distance(wanted, lower(candidate));
    const size_t near = (std::max(name.size(), candidate.size()) + 1) / 3;
    if (distance <= near && distance < least) {
      nearest = candidate;
      least = distance;
    }
  }
  return std::string(nearest);
}

std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known,
                         std::string_view listed_by) {
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty() && !listed_by.empty())
    return fmt::format("unknown {} '{}': did you mean '{}'? ({} shows all)", kind, name, nearest, listed_by);
  return fmt::format("unknown {} '{}'{} Known: {}", kind, name,
                     nearest.empty() ? "." : fmt::format(": did you mean '{}'?", nearest), joined(known, ", "));
}

}  // namespace connbench
