#include "harness/scenarios/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <stdexcept>

#include "harness/support/quantity.h"
#include "harness/support/seeded_order.h"

namespace connbench {
namespace {

constexpr unsigned decimals = 2;
constexpr unsigned whole = 100 * 100;  // hundredths of a percent
constexpr size_t most_parts = 255;     // Assignment::of is a byte

std::string percent(uint64_t hundredths) {
  return format_percent(hundredths, decimals);
}

[[noreturn]] void unreadable(std::string_view part) {
  throw std::invalid_argument(fmt::format(
      "'{}' should look like accepting=90: a target and a percentage from 0 to 100 with at most two decimals{}", part,
      part.ends_with('%') ? fmt::format("; did you mean {}?", part.substr(0, part.size() - 1)) : ""));
}

unsigned parse_share(std::string_view part, std::string_view text) try {
  return static_cast<unsigned>(parse_percent(text, decimals, {0, whole}));
} catch (const std::invalid_argument&) {
  unreadable(part);
}

Mix::Part parse_part(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) unreadable(text);
  return {find_target(text.substr(0, equals)), parse_share(text, text.substr(equals + 1))};
}

// The order in which the parts of a mix are named, whatever order they were given in.
bool comes_first(const Mix::Part& a, const Mix::Part& b) {
  const bool a_connects = can_connect(a.target, Family::ipv4);
  if (a_connects != can_connect(b.target, Family::ipv4)) return a_connects;
  return a.target.name < b.target.name;
}

}  // namespace

std::string Mix::name() const {
  std::string text;
  for (const Part& part : parts)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", part.target.name, percent(part.hundredths));
  return text;
}

Mix parse_mix(std::string_view text) {
  Mix mix;
  uint64_t sum = 0;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    mix.parts.push_back(parse_part(text.substr(begin, end - begin)));
    sum += mix.parts.back().hundredths;
    begin = end + 1;
  }
  for (size_t i = 0; i < mix.parts.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (mix.parts[i].target.name == mix.parts[j].target.name)
        throw std::invalid_argument(fmt::format("'{}': {} is given twice", text, mix.parts[i].target.name));
  if (sum != whole)
    throw std::invalid_argument(
        fmt::format("'{}': the shares add up to {} %, but must add up to 100 %", text, percent(sum)));
  std::erase_if(mix.parts, [](const Mix::Part& part) { return part.hundredths == 0; });
  if (mix.parts.size() > most_parts)
    throw std::invalid_argument(
        fmt::format("a mix of {} targets: at most {} are possible", mix.parts.size(), most_parts));
  std::ranges::sort(mix.parts, comes_first);
  return mix;
}

bool can_connect(const NamedTarget& target, Family family) {
  return target.entry->expected_outcomes(family).contains(Outcome::connected);
}

std::vector<size_t> shares(const Mix& mix, size_t attempts) {
  std::vector<size_t> counts;
  std::vector<size_t> remainders;
  for (const Mix::Part& part : mix.parts) {
    counts.push_back(attempts * part.hundredths / whole);
    remainders.push_back(attempts * part.hundredths % whole);
  }
  for (size_t left = attempts - std::accumulate(counts.begin(), counts.end(), size_t{0}); left > 0; --left) {
    const auto most = std::ranges::max_element(remainders) - remainders.begin();
    ++counts[static_cast<size_t>(most)];
    remainders[static_cast<size_t>(most)] = 0;
  }
  return counts;
}

Assignment assign(const Mix& mix, size_t attempts, uint64_t seed) {
  Assignment assignment;
  for (const Mix::Part& part : mix.parts) assignment.targets.push_back(part.target.name);
  assignment.of.resize(attempts);
  // Arrivals are drawn from the same generator. The same seed would correlate which attempts go to dead hosts with when
  // they are due.
  constexpr uint64_t other_seed = 0x9e37'79b9'7f4a'7c15;
  const std::vector<size_t> order = seeded_order(attempts, seed ^ other_seed);
  const std::vector<size_t> counts = shares(mix, attempts);
  size_t next = 0;
  for (size_t part = 0; part < counts.size(); ++part)
    for (size_t i = 0; i < counts[part]; ++i) assignment.of[order[next++]] = static_cast<uint8_t>(part);
  return assignment;
}

std::string fleet_load(const Mix& mix, std::string_view arrival) {
  return fmt::format("fleet:{}{}", mix.name(), arrival == "closed" ? "" : fmt::format(":{}", arrival));
}

}  // namespace connbench
