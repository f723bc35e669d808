#include "harness/support/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "harness/support/joined.h"

namespace connbench {
namespace {

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
