// Raising net.ipv4.tcp_mem, which is this machine's own: only ever raised, and back at the end of each test.
#include "harness/run/tcp_memory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/machine/machine.h"
#include "harness/process/ask_in_child.h"
#include "harness/run/pending_room.h"
#include "harness/support/clock.h"
#include "harness/support/proc_file.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;

int64_t most_pages() {
  return leading_number(word(sysctl("net.ipv4.tcp_mem").value_or(""), 2));
}

// More than it allows now, by a little.
size_t too_many() {
  return static_cast<size_t>(most_pages()) + 1000;
}

class TcpMemories : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::flock(alone_.get(), LOCK_EX), 0);
    if (most_pages() < 0) GTEST_SKIP() << "net.ipv4.tcp_mem cannot be read here";
    if (::access("/proc/sys/net/ipv4/tcp_mem", W_OK) != 0) GTEST_SKIP() << "net.ipv4.tcp_mem cannot be set here";
    before_ = most_pages();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(most_pages(), before_);
  }
  int64_t before_ = 0;
  // Tests run side by side, each in a process of its own, and the value is the machine's.
  const UniqueFd alone_{checked(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open")};
};

TEST_F(TcpMemories, AreLeftAloneWhenTheySuffice) {
  const TcpMemory memory(1);
  EXPECT_FALSE(memory.is_raised());
  EXPECT_EQ(most_pages(), before_);
}

TEST_F(TcpMemories, AreRaisedForATime) {
  {
    const TcpMemory memory(too_many());
    ASSERT_TRUE(memory.is_raised());
    EXPECT_GT(most_pages(), before_);
    EXPECT_THAT(memory.describe(), testing::HasSubstr(std::to_string(before_)));
    const auto room = pending_by_tcp_memory(usual_pending_cost);
    ASSERT_TRUE(room);
    EXPECT_GE(room->value, too_many() - 2000 - static_cast<size_t>(before_) / 4) << "the new limit is the known one";
  }
  note_tcp_memory();
}

TEST_F(TcpMemories, ComeBackWhenTheProcessIsKilled) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const TcpMemory memory(too_many());
      if (memory.is_raised() && ::write(ends[1], "", 1) == 1) ::pause();
    } catch (const std::exception&) {  // the parent sees that nothing was written
    }
    ::_exit(1);
  }
  ::close(ends[1]);
  char byte;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_GT(most_pages(), before_);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const TimePoint until = now() + 10s;
  while (most_pages() != before_ && now() < until) sleep_until(now() + 1ms);
  ::close(ends[0]);
}

// Otherwise the second one would restore the value of the first.
TEST_F(TcpMemories, AreRaisedByOneAtATime) {
  const TcpMemory memory(too_many());
  const ChildAnswer answer = ask_in_child([] {
    try {
      const TcpMemory another(2 * too_many());
      return std::string("raised");
    } catch (const CannotRaise& cannot) {
      return cannot.reason;
    }
  });
  EXPECT_THAT(answer.text, testing::HasSubstr("another run"));
}

}  // namespace
}  // namespace connbench
