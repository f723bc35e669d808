#include "harness/process/descriptor_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "harness/process/ask_in_child.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

std::string open_ones(std::initializer_list<int> fds) {
  std::string text;
  for (const int fd : fds) text += ::fcntl(fd, F_GETFD) >= 0 ? "+" : "-";
  return text;
}

TEST(InheritedDescriptors, AreClosedAndOurOwnAreNot) {
  const UniqueFd own(checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open"));
  const UniqueFd inherited(checked(::fcntl(own.get(), F_DUPFD, 700), "fcntl"));
  const ChildAnswer answer = ask_in_child([&] {
    return open_ones({STDOUT_FILENO, STDERR_FILENO, own.get(), inherited.get()});
  });
  EXPECT_EQ(answer.text, "+++-");
  EXPECT_EQ(open_ones({own.get(), inherited.get()}), "++") << "only the child closes them";
}

}  // namespace
}  // namespace connbench
