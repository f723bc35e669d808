#include "harness/process/stop_signal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

class StopSignals : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Each, StopSignals, testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& signal) { return std::string(::sigabbrev_np(signal.param)); });

// A signal that is not blocked would kill this test.
TEST_P(StopSignals, AreReportedInsteadOfDelivered) {
  StopSignal stop;
  EXPECT_EQ(stop.pending(), 0);
  EXPECT_FALSE(plain::ready_within(UniqueFd(::dup(stop.fd())), 0));
  ::raise(GetParam());
  EXPECT_TRUE(plain::ready_within(UniqueFd(::dup(stop.fd())), plain::patience_ms));
  EXPECT_EQ(stop.pending(), GetParam());
  EXPECT_EQ(stop.pending(), GetParam()) << "it stays";
}

TEST_P(StopSignals, AreDeliveredAgainOnceTheObjectIsGone) {
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    { const StopSignal stop; }
    ::raise(GetParam());
    ::_exit(0);
  }
  int status = 0;
  checked(::waitpid(child, &status, 0), "waitpid");
  ASSERT_TRUE(WIFSIGNALED(status)) << "the signal is still blocked";
  EXPECT_EQ(WTERMSIG(status), GetParam());
}

TEST_P(StopSignals, AreBlockedInChildrenToo) {
  const StopSignal stop;
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    ::raise(GetParam());
    ::_exit(5);
  }
  int status = 0;
  checked(::waitpid(child, &status, 0), "waitpid");
  ASSERT_TRUE(WIFEXITED(status)) << "the signal killed the child";
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

// nohup ignores SIGHUP, and a shell the SIGINT of what runs in the background of a script.
TEST_P(StopSignals, AreNotTakenFromAProcessThatIgnoresThem) {
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    ::signal(GetParam(), SIG_IGN);
    StopSignal stop;
    ::raise(GetParam());
    const bool reported = plain::ready_within(UniqueFd(::dup(stop.fd())), 0);
    ::_exit(reported || stop.pending() != 0 ? 1 : 0);
  }
  int status = 0;
  checked(::waitpid(child, &status, 0), "waitpid");
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "it would stop all the same";
}

TEST(StopSignal, KeepsTheFirstOfSeveral) {
  StopSignal stop;
  ::raise(SIGTERM);
  EXPECT_EQ(stop.pending(), SIGTERM);
  ::raise(SIGHUP);
  EXPECT_EQ(stop.pending(), SIGTERM);
  // Takes the second one too, which would kill this process when it is unblocked.
  StopSignal second;
  EXPECT_EQ(second.pending(), SIGHUP);
}

TEST(StopSignal, LeavesOtherSignalsAlone) {
  const StopSignal stop;
  sigset_t blocked;
  checked(::sigprocmask(SIG_BLOCK, nullptr, &blocked), "sigprocmask");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) EXPECT_EQ(sigismember(&blocked, signal), 1);
  for (const int signal : {SIGQUIT, SIGCHLD, SIGALRM, SIGUSR1}) EXPECT_EQ(sigismember(&blocked, signal), 0);
}

TEST(StopSignal, RestoresTheMaskThatItFound) {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  sigset_t before;
  checked(::sigprocmask(SIG_BLOCK, &hangup, &before), "sigprocmask");
  { const StopSignal stop; }
  sigset_t after;
  checked(::sigprocmask(SIG_SETMASK, &before, &after), "sigprocmask");
  EXPECT_EQ(sigismember(&after, SIGHUP), 1) << "it was blocked before";
  EXPECT_EQ(sigismember(&after, SIGINT), 0);
}

}  // namespace
}  // namespace connbench
