#include "harness/process/suspension_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <functional>

#include "harness/process/child_process.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;

// Runs `body` in a child of which nobody else is a child; it returns whether all was as expected.
void expect_in_child(const std::function<bool()>& body) {
  const int status = in_child([&] { return body() ? 7 : 8; });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << how_it_ended(status);
}

pid_t idle_child() {
  const pid_t self = ::getpid();
  const pid_t child = checked(::fork(), "fork");
  if (child != 0) return child;
  die_with_parent(self);
  for (;;) ::pause();
}

// Stops the process `pid` for a while, from a process that is not stopped.
void pause_from_outside(pid_t pid, Duration time) {
  const pid_t helper = checked(::fork(), "fork");
  if (helper == 0) {
    ::kill(pid, SIGSTOP);
    sleep_until(now() + time);
    ::kill(pid, SIGCONT);
    ::_exit(0);
  }
  wait_for_child(helper);
}

TEST(SuspensionWatch, SeesThatThisProcessWasStopped) {
  expect_in_child([] {
    SuspensionWatch watch;
    pause_from_outside(::getpid(), milliseconds(300));
    return watch.take().stopped >= milliseconds(300) && !watch.take();
  });
}

TEST(SuspensionWatch, SeesThatAChildIsStopped) {
  expect_in_child([] {
    const ChildProcess child(idle_child());
    SuspensionWatch watch;
    ::kill(child.pid(), SIGSTOP);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT);
    watch.look();
    sleep_until(now() + milliseconds(50));
    watch.look();
    const bool while_stopped = watch.stopped() >= milliseconds(50);
    ::kill(child.pid(), SIGCONT);
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WCONTINUED | WNOWAIT);
    watch.take();
    sleep_until(now() + milliseconds(50));
    return while_stopped && !watch.take();
  });
}

TEST(SuspensionWatch, ForgetsAStoppedChildThatWasKilled) {
  expect_in_child([] {
    ChildProcess child(idle_child());
    SuspensionWatch watch;
    ::kill(child.pid(), SIGSTOP);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT);
    watch.look();
    child.kill();
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
    watch.take();
    sleep_until(now() + milliseconds(20));
    return !watch.take();
  });
}

// A busy machine makes gaps as well, and SIGCONT comes to processes that were not stopped.
TEST(SuspensionWatch, TakesNeitherAGapNorASignalAloneForAPause) {
  expect_in_child([] {
    SuspensionWatch watch;
    sleep_until(now() + milliseconds(200));
    const bool nothing = !watch.take();
    ::kill(::getpid(), SIGCONT);
    return nothing && watch.take().stopped < milliseconds(200);
  });
}

}  // namespace
}  // namespace connbench
