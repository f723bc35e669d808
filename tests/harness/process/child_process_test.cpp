#include "harness/process/child_process.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/support/pipe.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

pid_t fork_to(const std::function<void()>& work) {
  const pid_t pid = checked(::fork(), "fork");
  if (pid != 0) return pid;
  work();
  ::_exit(0);
}

[[noreturn]] void stay() {
  for (;;) ::pause();
}

bool is_child(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

TEST(ChildProcess, GivesTheStatusOfAChildThatEnded) {
  ChildProcess child(fork_to([] { ::_exit(7); }));
  const int status = child.collect();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_FALSE(is_child(child.pid())) << "it was not waited for";
}

TEST(ChildProcess, GivesTheStatusOfAChildThatItKilled) {
  ChildProcess child(fork_to(stay));
  child.kill();
  const int status = child.collect();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(ChildProcess, KnowsWhetherTheChildHasEnded) {
  Pipe pipe;
  const ChildProcess child(fork_to([&] {
    pipe.writing.reset(-1);
    char byte;
    [[maybe_unused]] const ssize_t got = ::read(pipe.reading.get(), &byte, 1);
  }));
  EXPECT_FALSE(child.ended_within(Duration::zero()));
  pipe.writing.reset(-1);  // the child reads the end of the pipe and ends
  EXPECT_TRUE(child.ended_within(plain::patience));
  EXPECT_TRUE(child.ended_within(Duration::zero())) << "until it is collected";
}

TEST(ChildProcess, EndsItsChildWhenItIsDestroyed) {
  pid_t pid;
  {
    const ChildProcess child(fork_to(stay));
    pid = child.pid();
    EXPECT_TRUE(is_child(pid));
  }
  EXPECT_FALSE(is_child(pid));
}

TEST(ChildProcess, EndsItsChildWhenItCannotWatchIt) {
  rlimit before{};
  checked(::getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
  const pid_t pid = fork_to(stay);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  checked(::setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
  std::string failed;
  try {
    const ChildProcess child(pid);
  } catch (const std::system_error& error) {
    failed = error.what();
  }
  checked(::setrlimit(RLIMIT_NOFILE, &before), "setrlimit");
  EXPECT_THAT(failed, testing::HasSubstr("pidfd_open"));
  EXPECT_FALSE(is_child(pid));
}

TEST(PidfdOf, NamesTheCallThatFails) {
  pid_t pid;
  {
    const ChildProcess gone(fork_to([] {}));
    pid = gone.pid();
  }
  try {
    pidfd_of(pid);
    FAIL() << "the process is gone";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ESRCH);
    EXPECT_THAT(error.what(), testing::HasSubstr("pidfd_open"));
  }
}

// The parent in the middle names itself as the parent, and dies.
TEST(DieWithParent, EndsAChildWhenItsParentIsKilled) {
  Pipe alive;
  Pipe ready;
  ChildProcess parent(fork_to([&] {
    const pid_t self = ::getpid();
    fork_to([&] {
      die_with_parent(self);
      ready.writing.reset(-1);
      stay();
    });
    alive.writing.reset(-1);
    ready.writing.reset(-1);
    stay();
  }));
  alive.writing.reset(-1);  // from here on only the grandchild holds it
  ready.writing.reset(-1);
  ASSERT_TRUE(plain::ready_within(ready.reading, plain::patience_ms));
  EXPECT_FALSE(plain::ready_within(alive.reading, 0));
  parent.kill();
  EXPECT_TRUE(plain::ready_within(alive.reading, plain::patience_ms)) << "the grandchild lives on";
}

TEST(DieWithParent, EndsAChildWhoseParentHasDiedAlready) {
  ChildProcess child(fork_to([] {
    die_with_parent(::getppid() + 1);  // as if another process had adopted it
    ::_exit(1);
  }));
  EXPECT_EQ(how_it_ended(child.collect()), "ended with status 0");
}

// As where a library in this process has waited for all children.
TEST(ChildProcess, DoesNotInventAStatusThatSomebodyElseHasTaken) {
  ChildProcess child(fork_to([] { ::raise(SIGKILL); }));
  checked(::waitpid(child.pid(), nullptr, 0), "waitpid");
  EXPECT_THAT(how_it_ended(child.collect()), testing::HasSubstr("unknown way"));
}

TEST(HowItEnded, NamesSignalOrStatus) {
  EXPECT_EQ(how_it_ended(SIGSEGV), "killed by signal 11 (Segmentation fault)");
  EXPECT_EQ(how_it_ended(3 << 8), "ended with status 3");
}

}  // namespace
}  // namespace connbench
