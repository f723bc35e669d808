// Limits as experienced by processes. Limits that only root or only an ordinary user can have are tested as that user.
#include "harness/exhaust/limit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "harness/connector/registry.h"
#include "harness/exhaust/ballast.h"
#include "harness/machine/machine.h"
#include "harness/machine/usage.h"
#include "harness/support/clock.h"
#include "harness/targets/target.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr uid_t some_other_user = 54'322;  // an unused ID: only the test's own threads count
constexpr uint64_t allowed = 8;

// How many threads this process can have, including its first, before pthread_create() fails with EAGAIN.
int threads_until_eagain() {
  std::vector<std::thread> threads;
  std::atomic<bool> over{false};
  try {
    while (threads.size() < 50) threads.emplace_back([&] { over.wait(false); });
  } catch (const std::system_error& error) {
    if (error.code().value() != EAGAIN) return -1;
  }
  over = true;
  over.notify_all();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size()) + 1;
}

std::vector<std::string> groups_of(pid_t pid) {
  std::vector<std::string> found;
  for (const std::string& group : cgroups_of("pids")) {
    const std::string own = group + "/connbench-" + std::to_string(pid);
    if (std::filesystem::exists(own)) found.push_back(own);
  }
  return found;
}

TEST(Limits, OfThreadsByRlimitComeOnTopOfTheUsersThreads) {
  SKIP_UNDER_THREAD_SANITIZER();
  const int status = in_child([] {
    if (::getuid() == 0 && ::setuid(some_other_user) != 0) return 1;
    ::unshare(CLONE_NEWUSER);  // the threads of the tests beside this one do not count in there
    const auto limit = limit_threads_by_rlimit(allowed);
    limit->enter();
    return threads_until_eagain() == allowed ? 0 : 2;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Limits, OfThreadsByRlimitAreRefusedForRoot) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root";
  try {
    limit_threads_by_rlimit(allowed);
    FAIL() << "root is exempt";
  } catch (const CannotLimit& cannot) {
    EXPECT_THAT(cannot.reason, HasSubstr("exempt"));
  }
}

TEST(Limits, OfThreadsOfNobodyApplyToRoot) {
  SKIP_UNDER_THREAD_SANITIZER();
  if (::getuid() != 0) GTEST_SKIP() << "needs root";
  std::unique_ptr<ResourceLimit> limit;
  try {
    limit = limit_threads_as_nobody(allowed);
  } catch (const CannotLimit& cannot) {
    GTEST_SKIP() << cannot.reason;
  }
  const int status = in_child([&] {
    limit->enter();
    return threads_until_eagain() == allowed ? 0 : 2;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

class Cgroups : public testing::Test {
 protected:
  void SetUp() override {
    try {
      limit_threads_by_cgroup(allowed);
    } catch (const CannotLimit& cannot) {
      GTEST_SKIP() << cannot.reason;
    }
  }
};

TEST_F(Cgroups, LimitTheirMembersAndDisappearWithTheLimit) {
  SKIP_UNDER_THREAD_SANITIZER();
  auto limit = limit_threads_by_cgroup(allowed);
  EXPECT_EQ(groups_of(::getpid()).size(), 1U);
  for (int times = 0; times < 2; ++times) {
    const int status = in_child([&] {
      limit->enter();
      return threads_until_eagain() == allowed ? 0 : 2;
    });
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  limit.reset();
  EXPECT_TRUE(groups_of(::getpid()).empty());
}

TEST_F(Cgroups, DisappearWhenTheirCreatorIsKilled) {
  int made[2];
  ASSERT_EQ(::pipe2(made, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto limit = limit_threads_by_cgroup(allowed);
    if (::write(made[1], "", 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte;
  ASSERT_EQ(::read(made[0], &byte, 1), 1);
  EXPECT_EQ(groups_of(child).size(), 1U);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const TimePoint until = now() + 10s;
  while (!groups_of(child).empty() && now() < until) sleep_until(now() + 1ms);
  EXPECT_TRUE(groups_of(child).empty());
  ::close(made[0]);
  ::close(made[1]);
}

TEST(Limits, OfDescriptorsApplyToTheProcessThatEnters) {
  const int status = in_child([] {
    limit_descriptors(30)->enter();
    int highest = 0;
    for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY)) >= 0;) highest = fd;
    return errno == EMFILE ? highest : 1;
  });
  EXPECT_EQ(WEXITSTATUS(status), 29);
}

TEST(Ballasts, HoldTheirAttemptsInTheirOwnDescriptorTable) {
  const auto target = find_target("backlog-full").open({.open_at_once = 40});
  Retirement retirement({}, 0);
  const NamedConnector epoll = find_connector("epoll");
  const int64_t before = read_footprint(::getpid()).fds;
  {
    const ConnectorSettings settings{epoll.options, 41, retirement};
    Ballast ballast({.make = [&] { return epoll.entry->make(settings); },
                     .dead = target->endpoints(),
                     .count = 40,
                     .timeout = 60s,
                     .until = now() + 60s});
    EXPECT_EQ(ballast.pending(), 40U);
    EXPECT_EQ(ballast.starts().size(), 40U);
    EXPECT_FALSE(ballast.exhausted());
    EXPECT_EQ(read_footprint(::getpid()).fds, before);
  }
}

TEST(Ballasts, RethrowWhatTheirConnectorThrows) {
  const auto make = []() -> std::unique_ptr<Connector> { throw std::runtime_error("no such thing"); };
  EXPECT_THROW(Ballast({.make = make, .dead = {}, .count = 1}), std::runtime_error);
}

}  // namespace
}  // namespace connbench
