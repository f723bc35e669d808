#include "harness/support/wrapped.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

using testing::ElementsAre;

TEST(Wrapped, BreaksLinesBetweenWords) {
  EXPECT_THAT(wrapped("one two three four", 9), ElementsAre("one two", "three", "four"));
  EXPECT_THAT(wrapped("one two", 7), ElementsAre("one two"));
}

TEST(Wrapped, IndentsAllLinesButTheFirst) {
  EXPECT_THAT(wrapped("one two three four", 9, 2), ElementsAre("one two", "  three", "  four"));
}

TEST(Wrapped, CutsAWordThatDoesNotFit) {
  EXPECT_THAT(wrapped("abcdefghij", 4), ElementsAre("abcd", "efgh", "ij"));
}

TEST(TerminalColumns, OfAFileAreUnlimited) {
  const UniqueFd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(terminal_columns(file.get()), SIZE_MAX);
}

}  // namespace
}  // namespace connbench
