#include "harness/support/wrapped.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

using testing::ElementsAre;

TEST(Wrapped, TextEndsItsLinesBetweenWords) {
  EXPECT_THAT(wrapped("one two three four", 9), ElementsAre("one two", "three", "four"));
  EXPECT_THAT(wrapped("one two", 7), ElementsAre("one two"));
}

TEST(Wrapped, LinesButTheFirstMayHang) {
  EXPECT_THAT(wrapped("one two three four", 9, 2), ElementsAre("one two", "  three", "  four"));
}

TEST(Wrapped, AWordThatDoesNotFitIsCut) {
  EXPECT_THAT(wrapped("abcdefghij", 4), ElementsAre("abcd", "efgh", "ij"));
}

TEST(Wrapped, ANameIsBrokenBetweenItsParts) {
  EXPECT_THAT(wrapped("accepting=90,blackhole=10", 14), ElementsAre("accepting=90,", "blackhole=10"));
  EXPECT_THAT(wrapped("epoll+detect:recv+source-port:range", 20),
              ElementsAre("epoll+detect:recv", "+source-port:range"));
}

TEST(Wrapped, ACharacterIsNeverCut) {
  EXPECT_THAT(wrapped("ab\u00b5\u00b5", 3), ElementsAre("ab", "\u00b5", "\u00b5"));
}

TEST(Wrapped, EndsHoweverNarrowTheColumnIs) {
  EXPECT_THAT(wrapped("ab", 0), ElementsAre("a", "b"));
  EXPECT_EQ(wrapped("one two", 1, 2).front(), "one");
}

TEST(TerminalColumns, OfAFileAreAsManyAsItTakes) {
  const UniqueFd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(terminal_columns(file.get()), SIZE_MAX);
}

}  // namespace
}  // namespace connbench
