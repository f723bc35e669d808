// Properties that the conversion from text to numbers has for every text and every number.
#include "harness/support/quantity.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <random>
#include <stdexcept>

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int tries = 20'000;

// Numbers of every magnitude, and those next to a power of two or ten.
uint64_t any_number(std::mt19937_64& random) {
  const uint64_t wide = random() >> (random() % 64);
  const uint64_t power = random() % 2 == 0 ? uint64_t{1} << (random() % 64) : 1;
  uint64_t ten = 1;
  for (uint64_t digits = random() % 20; digits > 0; --digits) ten *= 10;
  switch (random() % 4) {
    case 0:
      return power + random() % 3 - 1;
    case 1:
      return ten + random() % 3 - 1;
    default:
      return wide;
  }
}

// What people might write, right or wrong: pieces of quantities in any order.
std::string any_text(std::mt19937_64& random) {
  static const std::string_view pieces[] = {"0",
                                            "1",
                                            "5",
                                            "9",
                                            "00",
                                            "10",
                                            "18446744073709551615",
                                            "18446744073709551616",
                                            "9223372036854775807",
                                            ".",
                                            ",",
                                            "ns",
                                            "us",
                                            "ms",
                                            "s",
                                            "min",
                                            "/s",
                                            "KiB",
                                            "MiB",
                                            "GiB",
                                            "k",
                                            "%",
                                            "+",
                                            "-",
                                            "e3",
                                            " ",
                                            "_",
                                            "x",
                                            "inf",
                                            "nan",
                                            "\xc2\xb5s",
                                            "\n"};
  std::string text;
  for (uint64_t count = random() % 6; count > 0; --count) text += pieces[random() % std::size(pieces)];
  return text;
}

// One kind of quantity: how it is read, within which range, and written.
struct Kind {
  std::string name;
  std::function<double(std::string_view)> parse;           // its value, to compare
  std::function<std::string(std::string_view)> canonical;  // parsed and written again
  std::function<std::string(uint64_t)> write;              // some value, from any number
  std::string range;                                       // in every complaint
  double least, most;
};

std::vector<Kind> every_kind() {
  constexpr Range<uint64_t> counts{3, 100'000};
  constexpr Range<uint64_t> sizes{16'384, 1 << 30};
  constexpr Range<Duration> times{Duration(7), std::chrono::minutes(90)};
  constexpr Range<double> rates{0.5, 1e6};
  constexpr Range<uint64_t> shares{1, 10'000};
  return {{"count", [=](auto text) { return static_cast<double>(parse_count(text, counts)); },
           [=](auto text) { return std::to_string(parse_count(text, counts)); },
           [=](uint64_t n) { return std::to_string(3 + n % (100'000 - 2)); }, "from 3 to 100000", 3, 100'000},
          {"size", [=](auto text) { return static_cast<double>(parse_size(text, sizes)); },
           [=](auto text) { return format_size(parse_size(text, sizes)); },
           [=](uint64_t n) { return format_size(16'384 + n % ((1 << 30) - 16'383)); }, "from 16KiB to 1GiB", 16'384,
           1 << 30},
          {"time", [=](auto text) { return static_cast<double>(parse_duration(text, times).count()); },
           [=](auto text) { return format_duration(parse_duration(text, times)); },
           [=](uint64_t n) { return format_duration(Duration(7 + static_cast<int64_t>(n % 5'399'999'999'994))); },
           "from 7ns to 90min", 7, 90 * 60e9},
          {"rate", [=](auto text) { return parse_rate(text, rates); },
           [=](auto text) { return format_rate(parse_rate(text, rates)); },
           [=](uint64_t n) { return format_rate(0.5 + static_cast<double>(n % 999'999) / 7); },
           "from 0.5/s to 1000000/s", 0.5, 1e6},
          {"share", [=](auto text) { return static_cast<double>(parse_percent(text, 2, shares)); },
           [=](auto text) { return format_percent(parse_percent(text, 2, shares), 2); },
           [=](uint64_t n) { return format_percent(1 + n % 10'000, 2); }, "from 0.01 to 100", 1, 10'000}};
}

class Quantities : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Every, Quantities, testing::ValuesIn(every_kind()),
                         [](const auto& test) { return test.param.name; });

TEST_P(Quantities, IsReadBackAsItWasWritten) {
  std::mt19937_64 random(1);
  for (int i = 0; i < tries; ++i) {
    const std::string text = GetParam().write(any_number(random));
    ASSERT_EQ(GetParam().canonical(text), text);
  }
}

TEST_P(Quantities, IsInItsRangeOrRefusedWithItsRangeAndATextThatIsValid) {
  std::mt19937_64 random(2);
  size_t read = 0;
  for (int i = 0; i < tries; ++i) {
    const std::string text = any_text(random);
    try {
      const double value = GetParam().parse(text);
      ASSERT_GE(value, GetParam().least) << text;
      ASSERT_LE(value, GetParam().most) << text;
      ASSERT_EQ(GetParam().parse(GetParam().canonical(text)), value) << text;
      ++read;
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      ASSERT_THAT(message, AllOf(HasSubstr("'" + text + "' is not valid"), HasSubstr(GetParam().range)));
      const std::string_view question = "did you mean ";
      if (const size_t at = message.rfind(question); at != std::string::npos) {
        const std::string meant = message.substr(at + question.size(), message.size() - at - question.size() - 1);
        ASSERT_NO_THROW(GetParam().parse(meant)) << text << " → " << meant;
        ASSERT_NE(meant, text);
      }
    }
  }
  EXPECT_GT(read, 0U) << "no text was valid: the test tests nothing";
}

TEST(WholeNumbers, AreReadExactlyUpTo64Bits) {
  std::mt19937_64 random(3);
  for (int i = 0; i < tries; ++i) {
    const uint64_t number = any_number(random);
    ASSERT_EQ(whole_number(std::to_string(number)), number);
    ASSERT_EQ(whole_number("0" + std::to_string(number)), std::nullopt) << "octal to some";
  }
  EXPECT_EQ(whole_number("0"), 0U);
  EXPECT_EQ(whole_number("18446744073709551615"), UINT64_MAX);
  for (const char* text :
       {"", "18446744073709551616", "99999999999999999999", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1"})
    EXPECT_EQ(whole_number(text), std::nullopt) << text;
}

TEST(Bounds, AreIncluded) {
  EXPECT_EQ(parse_count("3", {3, 5}), 3U);
  EXPECT_EQ(parse_count("5", {3, 5}), 5U);
  EXPECT_THROW(parse_count("2", {3, 5}), std::invalid_argument);
  EXPECT_THROW(parse_count("6", {3, 5}), std::invalid_argument);
  EXPECT_EQ(parse_duration("24000ms", up_to_a_day), std::chrono::seconds(24));
  EXPECT_EQ(parse_duration("1440min", up_to_a_day), std::chrono::hours(24));
  EXPECT_THROW(parse_duration("86400.000000001s", up_to_a_day), std::invalid_argument);
  EXPECT_THROW(parse_duration("0s", up_to_a_day), std::invalid_argument);
  EXPECT_EQ(parse_rate("0.001/s"), 0.001);
  EXPECT_EQ(parse_rate("1000000000/s"), 1e9);
}

TEST(Suggestions, KnowCommonSpellings) {
  EXPECT_EQ(suggested_count("10k"), "10000");
  EXPECT_EQ(suggested_count("1,024"), "1024");
  EXPECT_EQ(suggested_count("5x"), "5");
  EXPECT_EQ(suggested_count("many"), "");
  EXPECT_EQ(suggested_duration("1,5s", "ms"), "1.5s");
  EXPECT_EQ(suggested_duration("100", "ms"), "100ms");
  EXPECT_EQ(suggested_duration("2 minutes", "ms"), "2min");
  EXPECT_EQ(suggested_rate("1000"), "1000/s");
  EXPECT_EQ(suggested_rate("10k/s"), "10000/s");
  EXPECT_THAT([] { parse_size("64KB", any_size); },
              testing::ThrowsMessage<std::invalid_argument>(HasSubstr("did you mean 64KiB?")));
  EXPECT_THAT(
      [] {
        parse_count("10k", {1, 100});
      },
      testing::ThrowsMessage<std::invalid_argument>(Not(HasSubstr("did you mean"))))
      << "what was meant is not valid either";
}

}  // namespace
}  // namespace connbench
