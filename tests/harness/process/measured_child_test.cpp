#include "harness/process/measured_child.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <thread>

#include "harness/process/shared.h"
#include "harness/support/proc_file.h"
#include "tests/support/pipe.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

[[noreturn]] void hang() {
  for (;;) ::pause();
}

class MeasuredChild : public testing::Test {
 protected:
  void SetUp() override {
    const rlimit no_core{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &no_core);
  }
  void TearDown() override { EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left"; }

  pid_t start(const std::function<void()>& work, bool drop_capabilities = false) {
    const pid_t parent = ::getpid();
    const pid_t pid = checked(::fork(), "fork");
    if (pid == 0)
      run_measured_child({.parent = parent, .drop_capabilities = drop_capabilities}, report_->error, [&] {
        work();
        report_->finished = true;
      });
    return pid;
  }

  // @return why the child failed
  std::string run(
      const std::function<void()>& work, Duration limit = 1h,
      const std::function<bool()>& should_stop = [] { return false; }) {
    ChildWatch watch(start(work), now() + limit, *report_);
    watch.wait_for_end([] {}, should_stop);
    return watch.failure("the work", "hangs: killed");
  }

  const Shared<ChildReport> report_{};
};

TEST_F(MeasuredChild, ThatFinishesHasNotFailed) {
  EXPECT_EQ(run([] {}), "");
}

TEST_F(MeasuredChild, ThatThrowsFailsForThatReason) {
  EXPECT_EQ(run([] { throw std::runtime_error("out of luck"); }), "out of luck");
}

TEST_F(MeasuredChild, ThatThrowsSomethingElseFailsToo) {
  EXPECT_THAT(run([] { throw 42; }), HasSubstr("threw"));
}

TEST_F(MeasuredChild, WhoseOtherThreadThrowsFailsAtOnce) {
  EXPECT_EQ(
      run([this] {
        std::thread([this] { or_fail(report_->error, [] { throw std::runtime_error("out of luck"); }); }).detach();
        hang();
      }),
      "out of luck");
}

TEST_F(MeasuredChild, KeepsTheBeginningOfALongReason) {
  const std::string reason = run([] { throw std::runtime_error(std::string(10'000, 'x')); });
  EXPECT_GT(reason.size(), 400U);
  EXPECT_EQ(reason, std::string(reason.size(), 'x'));
}

TEST_F(MeasuredChild, ThatCrashesFailsWithItsSignal) {
  EXPECT_EQ(run([] {
              ::signal(SIGABRT, SIG_DFL);
              ::raise(SIGABRT);
            }),
            "killed by signal 6 (Aborted) before the work was over");
}

TEST_F(MeasuredChild, ThatEndsEarlyFailsWithItsStatus) {
  EXPECT_EQ(run([] { ::_exit(3); }), "ended with status 3 before the work was over");
}

TEST_F(MeasuredChild, ThatHangsIsKilledAtItsDeadline) {
  EXPECT_EQ(run(hang, 10ms), "hangs: killed");
}

TEST_F(MeasuredChild, IsLookedAtUntilItEndsAndMayFinishWhenAskedToStop) {
  ChildWatch watch(start([this] {
                     while (!report_->stop) std::this_thread::yield();
                   }),
                   now() + 1h, *report_);
  size_t looks = 0;
  const auto look = [&] {
    ++looks;
    // However slow the machine is, the child gets the time to finish.
    while (watch.stopping() && !report_->finished) std::this_thread::yield();
  };
  watch.wait_for_end(look, [&] { return looks == 5; });
  EXPECT_GE(looks, 5U);
  EXPECT_EQ(watch.failure("the work", "hangs: killed"), "");
}

TEST_F(MeasuredChild, ThatDoesNotStopWhenAskedIsKilled) {
  EXPECT_EQ(run(hang, 1h, [] { return true; }), "ended by request");
}

TEST_F(MeasuredChild, HasADeadlineThatCanBeMoved) {
  ChildWatch watch(start(hang), now() + 1h, *report_);
  watch.wait_for_end([&] { watch.set_deadline(TimePoint{}); }, [] { return false; });
  EXPECT_EQ(watch.failure("the work", "hangs: killed"), "hangs: killed");
}

TEST_F(MeasuredChild, IsNotKilledForAPauseOfWhichOnlyTheNextLookTells) {
  ChildWatch watch(start([this] {
                     while (!report_->stop) std::this_thread::yield();
                   }),
                   now() + 1h, *report_);
  size_t looks = 0;
  const auto look = [&] {
    if (++looks == 1) return watch.set_deadline(now());  // the pause: it is over after this look, and so is the time
    watch.postpone(1h);
    report_->stop = true;
  };
  watch.wait_for_end(look, [] { return false; });
  EXPECT_EQ(watch.failure("the work", "hangs: killed"), "");
}

TEST_F(MeasuredChild, GetsNoMoreTimeOnceItWasAskedToStop) {
  ChildWatch watch(start(hang), now() + 1h, *report_);
  watch.wait_for_end([&] { watch.set_deadline(now() + 1h); }, [] { return true; });
  EXPECT_TRUE(watch.stopping());
  EXPECT_EQ(watch.failure("the work", "hangs: killed"), "ended by request");
}

TEST_F(MeasuredChild, KeepsNoDescriptorOfItsParent) {
  Pipe pipe;
  const ChildProcess child(start(hang));
  pipe.writing.reset(-1);
  EXPECT_TRUE(plain::ready_within(pipe.reading, plain::patience_ms)) << "it holds the pipe";
}

TEST_F(MeasuredChild, DropsItsCapabilitiesWhenAsked) {
  ChildProcess child(start(
      [] {
        const std::string status = read_text("/proc/self/status").value_or("");
        throw std::runtime_error(status.substr(status.find("CapEff:")));
      },
      true));
  child.collect();
  EXPECT_THAT(report_->error.text(), StartsWith("CapEff:\t0000000000000000\n"));
}

TEST_F(MeasuredChild, DiesWithItsParent) {
  Pipe begun;
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) {
    const pid_t self = ::getpid();
    if (::fork() == 0) {
      begin_measured_child({.parent = self});  // closes its descriptors
      hang();
    }
    begun.writing.reset(-1);
    hang();
  }
  ChildProcess parent(pid);
  begun.writing.reset(-1);
  // The grandchild closes its descriptors after it has asked to die with its parent.
  ASSERT_TRUE(plain::ready_within(begun.reading, plain::patience_ms));
  const std::string children =
      read_text("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children").value_or("");
  if (children.empty()) GTEST_SKIP() << "this kernel does not list children";
  const UniqueFd grandchild = pidfd_of(std::stoi(children));
  EXPECT_FALSE(plain::ready_within(grandchild, 0));
  parent.kill();
  EXPECT_TRUE(plain::ready_within(grandchild, plain::patience_ms)) << "it lives on";
}

}  // namespace
}  // namespace connbench
