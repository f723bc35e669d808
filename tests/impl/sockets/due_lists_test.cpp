#include "impl/sockets/due_lists.h"

#include <gtest/gtest.h>

namespace connbench {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint start{1h};
constexpr uint32_t none = DueLists::none;

TEST(DueLists, HaveNothingDueWhenEmpty) {
  DueLists lists(4);
  EXPECT_EQ(lists.next(), TimePoint::max());
  EXPECT_EQ(lists.any(), none);
}

TEST(DueLists, ReturnWhatIsDueAndNothingEarlier) {
  DueLists lists(4);
  lists.add(2, start, 10ms);
  EXPECT_EQ(lists.next(), start + 10ms);
  EXPECT_EQ(lists.overdue(start + 10ms - 1ns), none);
  EXPECT_EQ(lists.overdue(start + 10ms), 2U);
}

TEST(DueLists, KeepTheOrderAcrossDelays) {
  DueLists lists(4);
  lists.add(0, start, 30ms);
  lists.add(1, start + 1ms, 10ms);
  lists.add(2, start + 2ms, 30ms);
  EXPECT_EQ(lists.next(), start + 11ms);
  lists.remove(1);
  EXPECT_EQ(lists.next(), start + 30ms);
  lists.remove(0);
  EXPECT_EQ(lists.next(), start + 32ms);
}

TEST(DueLists, SurviveRemovalFromTheMiddleAndTwice) {
  DueLists lists(4);
  for (uint32_t i = 0; i < 3; ++i) lists.add(i, start, 1ms);
  lists.remove(1);
  lists.remove(1);
  lists.remove(0);
  EXPECT_EQ(lists.any(), 2U);
  lists.remove(2);
  EXPECT_EQ(lists.any(), none);
  lists.remove(1000);
}

TEST(DueLists, GrowWithTheirIndices) {
  DueLists lists(0);
  lists.add(100, start, 1ms);
  EXPECT_EQ(lists.overdue(start + 1ms), 100U);
}

}  // namespace
}  // namespace connbench
