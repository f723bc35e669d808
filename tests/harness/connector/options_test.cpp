#include "harness/connector/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr OptionSpec specs[] = {
    {"detect", OptionSpec::Kind::choice, "so-error|recv|second-connect", "so-error", "how success is seen"},
    {"wait", OptionSpec::Kind::duration, "", "50ms", "how long"},
    {"stack", OptionSpec::Kind::size, "", "", "bytes of a thread's stack"},
    {"threads", OptionSpec::Kind::count, "", "", "size of the pool"}};

auto refuses(std::string_view text, const testing::Matcher<std::string>& message) {
  EXPECT_THAT([&] { Options(text, specs); }, ThrowsMessage<std::invalid_argument>(message)) << text;
}

TEST(Options, HasTheDefaultsWhenTheNameGivesNone) {
  const Options options("", specs);
  EXPECT_EQ(options.choice("detect"), "so-error");
  EXPECT_EQ(options.duration("wait"), 50ms);
  EXPECT_FALSE(options.given("stack")) << "left to the connector";
  EXPECT_TRUE(options.given("wait"));
}

TEST(Options, ReadsTheValuesInTheName) {
  const Options options("+wait:20ms+stack:64KiB+threads:8+detect:recv", specs);
  EXPECT_EQ(options.duration("wait"), 20ms);
  EXPECT_EQ(options.size("stack"), 65536U);
  EXPECT_EQ(options.count("threads"), 8U);
  EXPECT_EQ(options.choice("detect"), "recv");
}

TEST(Options, SuggestsTheNearestNameForAnUnknownOptionAndListsAll) {
  refuses("+dectet:recv",
          AllOf(HasSubstr("'dectet'"), HasSubstr("did you mean 'detect'?"), HasSubstr("detect, wait, stack, threads")));
  refuses("+colour:red", AllOf(HasSubstr("'colour'"), testing::Not(HasSubstr("did you mean"))));
  EXPECT_THAT([] { Options("+wait:1ms", {}); }, ThrowsMessage<std::invalid_argument>(HasSubstr("takes no options")));
}

TEST(Options, SaysWhatIsValidInsteadOfABadValue) {
  refuses("+detect:rcv", AllOf(HasSubstr("detect"), HasSubstr("'rcv'"), HasSubstr("so-error, recv, second-connect"),
                               HasSubstr("did you mean 'recv'?")));
  refuses("+wait:50", AllOf(HasSubstr("wait"), HasSubstr("'50'"), HasSubstr("200ms")));
  refuses("+stack:big", AllOf(HasSubstr("stack"), HasSubstr("64KiB")));
  refuses("+threads:0", AllOf(HasSubstr("threads"), HasSubstr("from 1")));
  refuses("+detect:", HasSubstr("detect"));
}

constexpr OptionSpec bounded[] = {
    {.name = "wait",
     .kind = OptionSpec::Kind::duration,
     .choices = "",
     .default_value = "",
     .help = "",
     .least = "1ms",
     .most = "1min"},
    {.name = "stack",
     .kind = OptionSpec::Kind::size,
     .choices = "",
     .default_value = "",
     .help = "",
     .least = "16KiB",
     .most = "1GiB"},
    {.name = "threads", .kind = OptionSpec::Kind::count, .choices = "", .default_value = "", .help = "", .most = "64"}};

TEST(Options, KeepsToTheRangeOfEach) {
  for (const char* text : {"+wait:1ms", "+wait:60s", "+stack:16KiB", "+stack:1024MiB", "+threads:1", "+threads:64"})
    EXPECT_NO_THROW(Options(text, bounded)) << text;
  const std::pair<const char*, const char*> refused[] = {
      {"+wait:999999ns", "from 1ms to 1min"}, {"+wait:60001ms", "from 1ms to 1min"},
      {"+stack:16383", "from 16KiB to 1GiB"}, {"+stack:1048577KiB", "from 16KiB to 1GiB"},
      {"+threads:0", "from 1 to 64"},         {"+threads:65", "from 1 to 64"}};
  for (const auto& [text, range] : refused)
    EXPECT_THAT(([given = text] { Options(given, bounded); }), ThrowsMessage<std::invalid_argument>(HasSubstr(range)))
        << text;
}

TEST(Options, HasOneCanonicalTextForEverySpelling) {
  EXPECT_EQ(Options("", specs).canonical(), "");
  EXPECT_EQ(Options("+stack:65536+wait:0.02s", specs).canonical(), "+wait:20ms+stack:64KiB");
  EXPECT_EQ(Options("+wait:20ms+stack:64KiB", specs).canonical(), "+wait:20ms+stack:64KiB");
  EXPECT_EQ(Options("+wait:50ms", specs).canonical(), "+wait:50ms") << "given, though it is the default";
}

constexpr OptionSpec switches[] = {
    {.name = "fastopen",
     .kind = OptionSpec::Kind::choice,
     .choices = "off|on",
     .default_value = "off",
     .help = "",
     .bare_value = "on"},
    {.name = "source-address", .kind = OptionSpec::Kind::addresses, .choices = "", .default_value = "", .help = ""}};

TEST(Options, ThatAreSwitchesNeedNoValue) {
  EXPECT_EQ(Options("", switches).choice("fastopen"), "off");
  EXPECT_EQ(Options("+fastopen", switches).choice("fastopen"), "on");
  for (const char* text : {"+fastopen", "+fastopen:on"}) EXPECT_EQ(Options(text, switches).canonical(), "+fastopen:on");
  EXPECT_EQ(Options("+fastopen:off", switches).canonical(), "+fastopen:off");
  EXPECT_THAT([] { Options("+source-address", switches); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("+name:value")));
}

TEST(Options, MayBeAddresses) {
  const Options options("+source-address:127.0.0.2..127.0.0.4~::1", switches);
  ASSERT_EQ(options.addresses("source-address").size(), 4U);
  EXPECT_EQ(options.addresses("source-address")[2].to_string(), "127.0.0.4:0");
  EXPECT_EQ(options.addresses("source-address")[3].to_string(), "[::1]:0");
  EXPECT_EQ(options.canonical(), "+source-address:127.0.0.2..127.0.0.4~::1");
  EXPECT_EQ(Options("+source-address:0:0:0:0:0:0:0:1", switches).canonical(), "+source-address:::1");
  EXPECT_FALSE(Options("", switches).given("source-address"));
}

TEST(Options, RefusesWhatIsNoListOfAddresses) {
  const std::pair<const char*, const char*> refused[] = {{"", "no IP address"},
                                                         {"localhost", "no IP address"},
                                                         {"127.0.0.1~", "no IP address"},
                                                         {"127.0.0.9..127.0.0.2", "ends before it begins"},
                                                         {"127.0.0.1..::1", "is no range"},
                                                         {"2001:db8::1..2001:db9::1", "is no range"},
                                                         {"10.0.0.0..10.255.255.255", "more than 4096"},
                                                         {"0.0.0.0..255.255.255.255", "more than 4096"}};
  for (const auto& [value, why] : refused)
    EXPECT_THAT(([text = std::string("+source-address:") + value] { Options(text, switches); }),
                ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("source-address"), HasSubstr(why))))
        << value;
}

TEST(Options, RefusesAnOptionGivenTwice) {
  refuses("+wait:1ms+wait:1ms", AllOf(HasSubstr("'wait'"), HasSubstr("twice")));
}

TEST(Options, RefusesTextThatIsNotAnOption) {
  for (const char* text : {"wait:1ms", "+", "+wait", "+wait:1ms+", "++wait:1ms", "+:1ms", "+wait=1ms"}) {
    refuses(text, HasSubstr("+name:value"));
  }
}

TEST(Options, ThrowsForAnOptionOrValueThatIsNotThere) {
  const Options options("", specs);
  EXPECT_THROW(options.count("colour"), std::logic_error);
  EXPECT_THROW(options.given("colour"), std::logic_error);
  EXPECT_THROW(options.size("stack"), std::logic_error) << "it has no value";
}

TEST(Options, TheBaseNameEndsAtTheFirstOption) {
  EXPECT_EQ(base_name("epoll+wait:pwait2+stack:64KiB"), "epoll");
  EXPECT_EQ(base_name("epoll"), "epoll");
  EXPECT_EQ(base_name(""), "");
}

}  // namespace
}  // namespace connbench
