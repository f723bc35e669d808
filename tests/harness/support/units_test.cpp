#include "harness/support/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Units, ReadsADurationInEveryUnit) {
  EXPECT_EQ(parse_duration("7ns"), 7ns);
  EXPECT_EQ(parse_duration("250us"), 250us);
  EXPECT_EQ(parse_duration("250µs"), 250us);
  EXPECT_EQ(parse_duration("250μs"), 250us) << "the Greek letter, not the micro sign";
  EXPECT_EQ(parse_duration("200ms"), 200ms);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("2min"), 2min);
  EXPECT_EQ(parse_duration("0ms"), 0ns);
  EXPECT_EQ(parse_duration("0.000000001s"), 1ns);
}

TEST(Units, RefusesTextThatIsNotADuration) {
  for (const char* text : {"", "5", "ms", "-5ms", "+5ms", " 5ms", "5 ms", "5MS", "1.ms", ".5ms", "1e3ms", "5msx",
                           "0.5ns", "9223372037s", "99999999999999999999s", "05ms", "00s", "1.5.5s"}) {
    EXPECT_THROW(parse_duration(text), std::invalid_argument) << text;
  }
}

TEST(Units, ShowsAnExampleOfADuration) {
  EXPECT_THAT([] { parse_duration("200"); },
              ThrowsMessage<std::invalid_argument>(testing::AllOf(HasSubstr("'200'"), HasSubstr("such as 200ms"))));
}

TEST(Units, ReadsTheLongestDurationExactly) {
  EXPECT_EQ(parse_duration("9223372036854775807ns").count(), INT64_MAX);
  EXPECT_THROW(parse_duration("9223372036854775808ns"), std::invalid_argument);
}

TEST(Units, WritesADurationThatReadsBack) {
  EXPECT_EQ(format_duration(200ms), "200ms");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(250us), "250us");
  EXPECT_EQ(format_duration(7ns), "7ns");
  EXPECT_EQ(format_duration(2min), "120s");
  EXPECT_EQ(format_duration(0ns), "0s");
  for (Duration d : {1ns, 1'000'001ns, 1'234'567'891ns, 60'000'000'050ns, Duration::max()}) {
    EXPECT_EQ(parse_duration(format_duration(d)), d) << format_duration(d);
  }
}

TEST(Units, WritesANegativeDurationWithItsSign) {
  EXPECT_EQ(format_duration(-1500us), "-1.5ms");
  EXPECT_EQ(format_duration(Duration::min()), "-9223372036.854775808s");
}

TEST(Units, ShowsThreeSignificantDigits) {
  EXPECT_EQ(human_readable(7ns), "7 ns");
  EXPECT_EQ(human_readable(1'234'567ns), "1.23 ms");
  EXPECT_EQ(human_readable(456us), "456 µs");
  EXPECT_EQ(human_readable(45'600ns), "45.6 µs");
  EXPECT_EQ(human_readable(999'600ns), "1.00 ms") << "rounding must not show 1000 µs";
  EXPECT_EQ(human_readable(9'999ns), "10.0 µs");
  EXPECT_EQ(human_readable(-1'234'567ns), "-1.23 ms");
  EXPECT_EQ(human_readable(2h), "7200 s");
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_size("65536"), 65536U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("8MiB"), 8U << 20);
  EXPECT_EQ(parse_size("1GiB"), 1U << 30);
  for (const char* text : {"", "KiB", "-1", "64KB", "64k", "1.5MiB", "64 KiB", "17179869184GiB", "064KiB"}) {
    EXPECT_THROW(parse_size(text), std::invalid_argument) << text;
  }
}

TEST(Units, ReadsCountsOfAtLeastOne) {
  EXPECT_EQ(parse_count("5000"), 5000U);
  for (const char* text : {"", "0", "-1", "1.5", "5k", "0x10", "18446744073709551616", "010", "+5", " 5", "5 "}) {
    EXPECT_THROW(parse_count(text), std::invalid_argument) << text;
  }
}

TEST(Units, ReadsRatesPerSecond) {
  EXPECT_DOUBLE_EQ(parse_rate("5000/s"), 5000.0);
  EXPECT_DOUBLE_EQ(parse_rate("0.5/s"), 0.5);
  for (const char* text : {"", "5000", "/s", "0/s", "-1/s", "5000/min", "5000/sx", "inf/s", "nan/s", "1e3/s", "05/s",
                           ".5/s", "5./s", "0.0000000001/s", "1000000001/s"}) {
    EXPECT_THROW(parse_rate(text), std::invalid_argument) << text;
  }
}

TEST(NearestName, FindsAMisspelling) {
  const std::vector<std::string_view> known = {"epoll", "io-uring", "select-threads", "select-loop"};
  EXPECT_EQ(nearest_name("eppol", known), "epoll");
  EXPECT_EQ(nearest_name("iouring", known), "io-uring");
  EXPECT_EQ(nearest_name("EPOLL", known), "epoll");
  EXPECT_EQ(nearest_name("select-treads", known), "select-threads");
}

TEST(NearestName, CountsASwapAsOneMistake) {
  EXPECT_EQ(nearest_name("rnu", {"run"}), "run");
  EXPECT_EQ(nearest_name("nur", {"run"}), "");
}

TEST(NearestName, FindsAUniquePrefix) {
  const std::vector<std::string_view> known = {"blocking", "backlog-full", "blocking-pool"};
  EXPECT_EQ(nearest_name("back", known), "backlog-full");
  EXPECT_EQ(nearest_name("bl", known), "") << "ambiguous";
}

TEST(NearestName, FindsNothingWhenNoNameIsNear) {
  EXPECT_EQ(nearest_name("kqueue", {"epoll", "null"}), "");
  EXPECT_EQ(nearest_name("", {"epoll"}), "");
  EXPECT_EQ(nearest_name("x", {"4"}), "");
  EXPECT_EQ(nearest_name("epoll", {}), "");
}

TEST(UnknownName, SuggestsTheNearestNameAndListsAll) {
  EXPECT_THAT(
      unknown_name("connector", "epol", {"null", "epoll"}),
      testing::AllOf(HasSubstr("connector 'epol'"), HasSubstr("did you mean 'epoll'?"), HasSubstr("null, epoll")));
  EXPECT_THAT(unknown_name("connector", "kqueue", {"null", "epoll"}), testing::Not(HasSubstr("did you mean")));
  EXPECT_EQ(unknown_name("connector", "epol", {"null", "epoll"}, "connbench list"),
            "unknown connector 'epol': did you mean 'epoll'? (connbench list shows all)");
  EXPECT_THAT(unknown_name("connector", "kqueue", {"null", "epoll"}, "connbench list"), HasSubstr("null, epoll"));
}

}  // namespace
}  // namespace connbench
