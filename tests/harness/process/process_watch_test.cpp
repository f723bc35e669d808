#include "harness/process/process_watch.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <system_error>

#include "harness/process/child_process.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

// Lives until it is killed.
ChildProcess a_process() {
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0)
    for (;;) ::pause();
  return ChildProcess(pid);
}

void end(const ChildProcess& process) {
  process.kill();
  ASSERT_TRUE(process.ended_within(plain::patience));
}

TEST(ProcessWatch, LetsWorkGoOnWhileEveryProcessLives) {
  const StopSignal stop;
  const ChildProcess server = a_process();
  ProcessWatch watch(stop);
  EXPECT_FALSE(watch.should_stop()) << "it watches nothing yet";
  watch.watch(server.pid(), "the server");
  EXPECT_FALSE(watch.should_stop());
  EXPECT_EQ(watch.died(), "");
}

TEST(ProcessWatch, NamesTheProcessThatDied) {
  const StopSignal stop;
  const ChildProcess server = a_process();
  const ChildProcess link = a_process();
  ProcessWatch watch(stop);
  watch.watch(server.pid(), "the server");
  watch.watch(link.pid(), "the link");
  end(link);
  EXPECT_TRUE(watch.should_stop());
  EXPECT_EQ(watch.died(), "the link");
}

TEST(ProcessWatch, NamesEveryProcessThatDiedInTheOrderWatched) {
  const StopSignal stop;
  const ChildProcess first = a_process();
  const ChildProcess second = a_process();
  const ChildProcess third = a_process();
  ProcessWatch watch(stop);
  watch.watch(first.pid(), "first");
  watch.watch(second.pid(), "second");
  watch.watch(third.pid(), "third");
  end(third);
  end(first);
  EXPECT_EQ(watch.died(), "first, third");
}

TEST(ProcessWatch, RemembersAProcessThatWasWaitedFor) {
  const StopSignal stop;
  ProcessWatch watch(stop);
  {
    const ChildProcess server = a_process();
    watch.watch(server.pid(), "the server");
  }
  EXPECT_TRUE(watch.should_stop());
  EXPECT_EQ(watch.died(), "the server");
}

TEST(ProcessWatch, StopsForASignalWithoutBlamingAProcess) {
  const StopSignal stop;
  const ChildProcess server = a_process();
  ProcessWatch watch(stop);
  watch.watch(server.pid(), "the server");
  ::raise(SIGTERM);
  EXPECT_TRUE(watch.should_stop());
  EXPECT_EQ(watch.died(), "");
  StopSignal taken;  // takes the signal, which must not outlive the test
  EXPECT_EQ(taken.pending(), SIGTERM);
}

TEST(ProcessWatch, NamesTheCallWhenThereIsNoSuchProcess) {
  const StopSignal stop;
  ProcessWatch watch(stop);
  pid_t pid;
  {
    const ChildProcess gone = a_process();
    pid = gone.pid();
  }
  try {
    watch.watch(pid, "the server");
    FAIL() << "the process is gone";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("pidfd_open"));
  }
  EXPECT_FALSE(watch.should_stop()) << "it watches what was never there";
}

}  // namespace
}  // namespace connbench
