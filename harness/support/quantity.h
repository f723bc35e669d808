// Text to numbers: the only conversion of what people write (200ms, 5000/s, 64KiB). It is strict: digits without sign,
// blanks, exponent or leading zeros ("010" is 8 to some and 10 to others), and with the unit. Every complaint states
// the valid range and, where it can be guessed, how the value should have been written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/support/clock.h"

namespace connbench {

/// Valid values, both ends included.
template <class Value>
struct Range {
  Value least;
  Value most;
  constexpr bool contains(const Value& value) const { return least <= value && value <= most; }
};

inline constexpr Range<uint64_t> any_count{1, UINT64_MAX};
inline constexpr Range<uint64_t> any_size{0, UINT64_MAX};
inline constexpr Range<Duration> any_time{Duration::zero(), Duration::max()};
inline constexpr Range<Duration> up_to_a_day{Duration(1), std::chrono::hours(24)};
/// Per second. The gap between two attempts is then 1 ns to 1000 s: it neither vanishes nor overflows.
inline constexpr Range<double> any_rate{0.001, 1e9};

/// "5000" → 5000; nullopt for anything but decimal digits, for leading zeros, and beyond 64 bits.
std::optional<uint64_t> whole_number(std::string_view text) noexcept;

/// A whole number. @throws std::invalid_argument
uint64_t parse_count(std::string_view text, Range<uint64_t> valid = any_count);
/// Bytes: "64KiB", "8MiB", "1GiB", "65536". @throws std::invalid_argument
uint64_t parse_size(std::string_view text, Range<uint64_t> valid = any_size);
/// "250us", "200ms", "1.5s", "2min" (ns, us, µs, ms, s, min), exact to the nanosecond. @throws std::invalid_argument
/// @param usual_unit what is suggested for a number without a unit
Duration parse_duration(std::string_view text, Range<Duration> valid = any_time, std::string_view usual_unit = "ms");
/// Per second: "5000/s" → 5000.0. @throws std::invalid_argument
double parse_rate(std::string_view text, Range<double> valid = any_rate);
/// "12.5" → 1250 with two decimals: exact, where a double is not. @param valid in units of the last decimal
/// @throws std::invalid_argument
uint64_t parse_percent(std::string_view text, unsigned decimals, Range<uint64_t> valid);

/// The shortest exact form; the parser of each reads it back. 200ms, 1.5s, 250us, 7ns.
std::string format_duration(Duration d);
/// 64KiB, 65537.
std::string format_size(uint64_t bytes);
/// 5000/s, 0.5/s.
std::string format_rate(double per_second);
/// 1250 with two decimals → "12.5".
std::string format_percent(uint64_t value, unsigned decimals);

/// How a value that is no valid count, time or rate was probably meant; "" when that cannot be guessed.
std::string suggested_count(std::string_view text);
std::string suggested_duration(std::string_view text, std::string_view usual_unit);
std::string suggested_rate(std::string_view text);

}  // namespace connbench
