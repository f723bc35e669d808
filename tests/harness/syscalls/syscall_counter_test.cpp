#include "harness/syscalls/syscall_counter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <thread>

#include "harness/process/ask_in_child.h"
#include "harness/support/unique_fd.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

using Counts = std::map<std::string, uint64_t>;

Counts by_name(const std::vector<SyscallCount>& counts) {
  Counts map;
  for (const SyscallCount& count : counts) map[count.name] += count.calls;
  return map;
}

void open_and_close_sockets(int times) {
  for (int i = 0; i < times; ++i) ::close(::socket(AF_INET, SOCK_STREAM, 0));
}

class SyscallCounterBy : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    SKIP_UNDER_THREAD_SANITIZER();
    try {
      counter_ = make_syscall_counter(GetParam());
      counter_->start();
    } catch (const std::system_error& error) {
      GTEST_SKIP() << GetParam() << " does not work here: " << error.what();
    }
    counter_->stop();  // not in the try block: a counter that starts must also stop
  }

  std::unique_ptr<SyscallCounter> counter_;
};

TEST_P(SyscallCounterBy, CountsNothingOfItsOwn) {
  counter_->start();
  EXPECT_THAT(by_name(counter_->stop()), IsEmpty());
}

TEST_P(SyscallCounterBy, CountsSocketsAndClosesExactlyAndNothingElse) {
  counter_->start();
  open_and_close_sockets(1000);
  EXPECT_THAT(by_name(counter_->stop()), ElementsAre(Pair("close", 1000), Pair("socket", 1000)));
}

TEST_P(SyscallCounterBy, CountsTheVeryFirstCall) {
  for (int round = 0; round < 10; ++round) {
    counter_->start();
    ::syscall(SYS_gettid);
    EXPECT_THAT(by_name(counter_->stop()), ElementsAre(Pair("gettid", 1)));
  }
}

TEST_P(SyscallCounterBy, CountsCallsThatItDoesNotKnowByName) {
  counter_->start();
  for (int i = 0; i < 777; ++i) ::syscall(SYS_getppid);
  EXPECT_THAT(by_name(counter_->stop()), ElementsAre(Pair(AnyOf("other", "getppid"), 777)));
}

TEST_P(SyscallCounterBy, CountsFailingCalls) {
  counter_->start();
  for (int i = 0; i < 5; ++i) ::close(-1);
  EXPECT_THAT(by_name(counter_->stop()), ElementsAre(Pair("close", 5)));
}

TEST_P(SyscallCounterBy, CountsThreadsThatComeAndGo) {
  counter_->start();
  for (int i = 0; i < 20; ++i) std::thread(open_and_close_sockets, 50).join();
  Counts counts = by_name(counter_->stop());
  EXPECT_EQ(counts["socket"], 1000u);  // not close(): a sanitizer closes files of its own when threads begin
  EXPECT_EQ(counts["clone"] + counts["clone3"], 20u);
}

TEST_P(SyscallCounterBy, CountsThreadsThatStillLive) {
  int to_thread[2], from_thread[2];
  ASSERT_EQ(::pipe(to_thread), 0);
  ASSERT_EQ(::pipe(from_thread), 0);
  const UniqueFd wait(to_thread[0]), from(from_thread[0]), to(from_thread[1]);
  UniqueFd go(to_thread[1]);
  counter_->start();
  std::thread worker([&] {
    char byte = 0;
    open_and_close_sockets(30);
    EXPECT_EQ(::write(to.get(), &byte, 1), 1);
    EXPECT_EQ(::read(wait.get(), &byte, 1), 0);
  });
  char byte;
  EXPECT_EQ(::read(from.get(), &byte, 1), 1);
  const Counts counts = by_name(counter_->stop());
  go.reset(-1);
  worker.join();
  EXPECT_EQ(counts.at("socket"), 30u);
}

TEST_P(SyscallCounterBy, NeverUnderflowsWhileOtherThreadsMakeCalls) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> made = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i)
    callers.emplace_back([&] {
      while (!stop) {
        ::syscall(SYS_gettid);
        ++made;
      }
    });
  std::vector<SyscallCount> counts;
  for (int round = 0; round < 10; ++round) {
    counter_->start();
    for (const SyscallCount& count : counter_->stop()) counts.push_back(count);
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  for (const SyscallCount& count : counts) EXPECT_LE(count.calls, made + 1'000) << count.name;
}

TEST_P(SyscallCounterBy, IgnoresCallsBetweenStopAndStart) {
  counter_->start();
  open_and_close_sockets(3);
  counter_->stop();
  open_and_close_sockets(100);
  counter_->start();
  open_and_close_sockets(4);
  EXPECT_THAT(by_name(counter_->stop()), ElementsAre(Pair("close", 4), Pair("socket", 4)));
}

TEST_P(SyscallCounterBy, LeavesLowDescriptorsForSelect) {
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur < 8192) GTEST_SKIP() << "RLIMIT_NOFILE is " << limit.rlim_cur;
  const UniqueFd lowest_before(::dup(STDIN_FILENO));
  const auto second = make_syscall_counter(GetParam());
  second->start();
  const UniqueFd lowest_now(::dup(STDIN_FILENO));
  second->stop();
  EXPECT_EQ(lowest_now.get(), lowest_before.get() + 1);
}

INSTANTIATE_TEST_SUITE_P(Method, SyscallCounterBy, testing::Values("tracepoint", "strace"),
                         [](const auto& method) { return method.param; });

TEST(SyscallCounting, OffersAWorkingMethodOrSaysWhyNot) {
  const SyscallCounting counting = probe_syscall_counting();
  if (counting.method.empty()) {
    EXPECT_THAT(counting.why_not, HasSubstr("strace: "));
    EXPECT_EQ(make_syscall_counter(counting.method), nullptr);
    return;
  }
  EXPECT_EQ(counting.why_not, "");
  const auto counter = make_syscall_counter(counting.method);
  counter->start();
  open_and_close_sockets(7);
  EXPECT_THAT(counter->stop(), ElementsAre(FieldsAre("close", 7), FieldsAre("socket", 7)));
}

TEST(SyscallCounting, TellsAnOrdinaryUserHowToEnableIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become an ordinary user";
  const ChildAnswer answer = ask_in_child([] {
    checked(::setresuid(65534, 65534, 65534), "setresuid");
    ::prctl(PR_SET_DUMPABLE, 1);  // setresuid() has taken away the right to trace this process
    ::setenv("PATH", "/nonexistent", 1);
    const SyscallCounting counting = probe_syscall_counting();
    return fmt::format("'{}' {}", counting.method, counting.why_not);
  });
  if (answer.text.starts_with("setresuid")) GTEST_SKIP() << answer.text;  // in a user namespace with one user
  ASSERT_TRUE(answer.ok) << answer.text;
  EXPECT_THAT(answer.text, AnyOf(testing::StartsWith("'tracepoint'"), HasSubstr("apt-get install strace")));
}

// A machine that is too busy has refused nothing.
TEST(SyscallCounting, DoesNotBlamePermissionsWhenStraceIsTooSlow) {
  const TemporaryFolder folder;
  const std::filesystem::path strace = folder.path() / "strace";
  std::ofstream(strace) << "#!/bin/sh\nexec /bin/sleep 1000\n";
  std::filesystem::permissions(strace, std::filesystem::perms::owner_all);
  const ChildAnswer answer = ask_in_child([&] {
    ::setenv("PATH", folder.path().c_str(), 1);
    make_syscall_counter("strace", ::getppid())->start();  // any process will do: nothing attaches to it
    return std::string("it started");
  });
  EXPECT_THAT(answer.text, AllOf(HasSubstr("strace did not attach within 30 s"), Not(HasSubstr("permitted"))));
}

}  // namespace
}  // namespace connbench
