// Runs the fuzzer's check on command lines corrupted with a fixed seed, with every compiler and sanitizer.
#include "tests/fuzz/command_line_fuzz.h"

#include <gtest/gtest.h>

#include <random>

#include "harness/support/sanitized.h"

namespace connbench {
namespace {

// Values and pieces that have misled parsers before.
constexpr std::string_view pieces[] = {"\n",
                                       ",",
                                       "=",
                                       ":",
                                       "+",
                                       "0",
                                       "00",
                                       "010",
                                       "1",
                                       "9",
                                       "1e9",
                                       "-1",
                                       "nan",
                                       "inf",
                                       ".",
                                       "0.0000000001",
                                       "1000000000",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "9223372036854775807ns",
                                       "/s",
                                       "ms",
                                       "s",
                                       "min",
                                       "KiB",
                                       "GiB",
                                       "%",
                                       "~",
                                       "[",
                                       "]",
                                       "::1",
                                       "fe80::1",
                                       "%lo",
                                       "127.1",
                                       "\x1b[31m",
                                       "\xff",
                                       "all",
                                       "--",
                                       "-h",
                                       "'",
                                       "*",
                                       "?",
                                       "[a",
                                       "\x7f"};

std::string corrupted(std::string text, std::mt19937_64& random) {
  for (uint64_t changes = random() % 5; changes > 0; --changes) {
    const size_t at = random() % (text.size() + 1);
    const size_t length = random() % 8;
    switch (random() % 4) {
      case 0:
        text.insert(at, pieces[random() % std::size(pieces)]);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.replace(at, std::min(length, text.size() - at), pieces[random() % std::size(pieces)]);
        break;
      case 3:
        text.insert(at, text.substr(random() % (text.size() + 1), 2 * length));
        break;
    }
  }
  return text;
}

TEST(CheckCommandLine, HoldsForCommandLinesThatAreRight) {
  for (const std::string& text : command_line_seeds()) check_command_line(text);
}

TEST(CheckCommandLine, HoldsForCorruptedCommandLines) {
  std::mt19937_64 random(20);
  const auto& seeds = command_line_seeds();
  const int cases = sanitized ? 4'000 : 20'000;  // a sanitizer makes each ten times as expensive; the fuzzer has more
  for (int i = 0; i < cases; ++i) check_command_line(corrupted(seeds[random() % seeds.size()], random));
}

}  // namespace
}  // namespace connbench
