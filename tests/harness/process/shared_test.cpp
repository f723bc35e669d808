#include "harness/process/shared.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

struct Figures {
  int given = 7;
  std::atomic<int> counted{1};
};

void work_in_child(void (*work)(const Shared<Figures>&), const Shared<Figures>& figures) {
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    work(figures);
    ::_exit(0);
  }
  checked(::waitpid(child, nullptr, 0), "waitpid");
}

TEST(Shared, BeginsAsItsTypeSays) {
  const Shared<Figures> figures;
  EXPECT_EQ(figures->given, 7);
  EXPECT_EQ(figures->counted, 1);
}

TEST(Shared, ShowsTheParentWhatAChildWrote) {
  const Shared<Figures> figures;
  work_in_child([](const Shared<Figures>& shared) { ++shared->counted; }, figures);
  EXPECT_EQ(figures->counted, 2);
}

TEST(SharedArray, BeginsWithZeros) {
  const SharedArray<int> numbers(1000);
  ASSERT_EQ(numbers.values().size(), 1000U);
  for (const int number : numbers.values()) ASSERT_EQ(number, 0);
}

TEST(SharedArray, ConstructsEveryElement) {
  const SharedArray<Figures> figures(3);
  for (const Figures& each : figures.values()) EXPECT_EQ(each.given, 7);
}

TEST(SharedArray, MayBeEmpty) {
  EXPECT_TRUE(SharedArray<int>(0).values().empty());
}

TEST(SharedArray, RefusesASizeThatOverflows) {
  try {
    const SharedArray<uint64_t> numbers(SIZE_MAX / 4);
    FAIL() << "mapped";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOMEM);
  }
}

}  // namespace
}  // namespace connbench
