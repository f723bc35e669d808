#include "harness/process/ask_in_child.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "harness/process/child_process.h"
#include "tests/support/pipe.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

void expect_no_child() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(AskInChild, ReturnsWhatTheQuestionReturnsInAnotherProcess) {
  const ChildAnswer answer = ask_in_child([] { return std::to_string(::getpid()); });
  EXPECT_TRUE(answer.ok);
  EXPECT_NE(answer.text, std::to_string(::getpid()));
  expect_no_child();
}

TEST(AskInChild, ReturnsAnEmptyAnswer) {
  const ChildAnswer answer = ask_in_child([] { return std::string(); });
  EXPECT_TRUE(answer.ok);
  EXPECT_EQ(answer.text, "");
}

TEST(AskInChild, ReturnsAnAnswerThatIsLongerThanAPipe) {
  const std::string text(1'000'000, 'x');
  const ChildAnswer answer = ask_in_child([&] { return text; });
  EXPECT_TRUE(answer.ok);
  EXPECT_TRUE(answer.text == text) << answer.text.size();
}

TEST(AskInChild, ReturnsTheReasonWhenTheQuestionThrows) {
  const ChildAnswer answer = ask_in_child([]() -> std::string { throw std::runtime_error("out of luck"); });
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.text, "out of luck");
}

TEST(AskInChild, SaysThatTheChildDied) {
  const ChildAnswer answer = ask_in_child([]() -> std::string { ::_exit(0); });
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.text, "the child process died before it answered");
  expect_no_child();
}

TEST(AskedChild, IsKilledWithItsOwner) {
  Pipe held;
  {
    const AskedChild child([]() -> std::string {
      for (;;) ::pause();
    });
    held.writing.reset(-1);  // from here on only the child holds it
    EXPECT_FALSE(plain::ready_within(held.reading, 0));
  }
  EXPECT_TRUE(plain::ready_within(held.reading, 0)) << "the child lives on";
  expect_no_child();
}

TEST(AskedChild, DiesWithItsParent) {
  Pipe held;
  Pipe begun;
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) {
    ask_in_child([&]() -> std::string {
      if (::write(begun.writing.get(), "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    });
    ::_exit(0);
  }
  ChildProcess parent(pid);
  held.writing.reset(-1);
  ASSERT_TRUE(plain::ready_within(begun.reading, plain::patience_ms));
  parent.kill();
  EXPECT_TRUE(plain::ready_within(held.reading, plain::patience_ms)) << "the child that was asked lives on";
}

}  // namespace
}  // namespace connbench
