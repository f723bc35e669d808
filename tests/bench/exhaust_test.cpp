// connbench exhaust, as a user starts it: what runs out, what is reported, and that nothing is left behind.
#include <gmock/gmock.h>
#include <sys/prctl.h>

#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr uid_t unprivileged_user = 54'323;  // an unused id
constexpr uid_t yet_another_user = 54'324;   // no other test makes threads for this one
constexpr unsigned eagain = EAGAIN;
// Long enough to start the dead attempts and to try healthy connects before the first deadline passes.
constexpr const char* usual_timeout = "4s";

class Exhaust : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }

  std::vector<std::string> command(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"exhaust"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    for (const char* usual :
         {"--pending", "150", "--healthy", "40", "--timeout", usual_timeout, "--seed", "1", "--out"})
      arguments.emplace_back(usual);
    arguments.push_back(out());
    return arguments;
  }

  std::vector<Row> rows_of_connector(const std::string& connector) const {
    std::vector<Row> found;
    for (Row& row : rows_of(out() + "/exhaustion.csv"))
      if (row.at("connector") == connector) found.push_back(std::move(row));
    return found;
  }
  nlohmann::json run() const { return json_of(out() + "/run.json"); }

  // Folders of cgroups that a program with this pid may have made.
  static std::vector<std::string> groups_of(pid_t pid) {
    std::vector<std::string> found;
    for (const std::string& group : cgroups_of("pids")) {
      const std::string own = group + "/connbench-" + std::to_string(pid);
      if (std::filesystem::exists(own)) found.push_back(own);
    }
    return found;
  }

  TemporaryFolder folder_;
};

// Which limit is used depends on the user; what happens does not.
void expect_threads_to_run_out(const std::vector<Row>& rows, uint64_t limit) {
  ASSERT_GE(rows.size(), 2U);
  const Row& last = rows.back();
  EXPECT_EQ(number(rows.front(), "pending"), 0U);
  const double its_own = thread_sanitizer ? 2 : 0;  // ThreadSanitizer keeps a thread, which only one limit counts
  EXPECT_NEAR(static_cast<double>(number(last, "pending")), static_cast<double>(limit - 1), its_own);
  EXPECT_NEAR(static_cast<double>(number(last, "threads")), static_cast<double>(limit), its_own);
  EXPECT_EQ(last.at("stopped_call"), "pthread_create");
  EXPECT_EQ(number(last, "os_error"), eagain);
  EXPECT_EQ(last.at("healthy_p50_ns"), "");
  EXPECT_EQ(last.at("recovery_pending_ns"), "");
  EXPECT_GT(number(last, "recovery_released_ns"), 0U);
  for (size_t i = 0; i + 1 < rows.size(); ++i) EXPECT_EQ(rows[i].at("stopped_call"), "");
}

void expect_to_hold_all(const std::vector<Row>& rows, uint64_t pending) {
  ASSERT_GE(rows.size(), 2U);
  const Row& last = rows.back();
  EXPECT_EQ(number(last, "pending"), pending);
  EXPECT_EQ(last.at("stopped_call"), "");
  EXPECT_EQ(last.at("os_error"), "");
  EXPECT_GT(number(last, "healthy_p50_ns"), 0U);
  EXPECT_NE(last.at("recovery_pending_ns"), "");
}

TEST_F(Exhaust, OfThreadsStopsAThreadPerAttemptAndNotAnEventLoop) {
  const Ended ended =
      connbench(command({"threads", "--limit", "60", "--connector", "blocking-threads,poll-threads,epoll"}));
  if (ended.status == 3) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  expect_threads_to_run_out(rows_of_connector("blocking-threads"), 60);
  expect_threads_to_run_out(rows_of_connector("poll-threads"), 60);
  expect_to_hold_all(rows_of_connector("epoll"), 150);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("pthread_create: EAGAIN"), HasSubstr("got through"), HasSubstr(" deadline\n"),
                               HasSubstr(" cancel\n")));
  EXPECT_EQ(run().at("complete"), true);
  EXPECT_EQ(run().at("exhaustion").at("limit"), 60);
  EXPECT_EQ(run().at("exhaustion").at("ramps").size(), 3U);
}

TEST_F(Exhaust, OfThreadsIsTheSameForAnOrdinaryUser) {
  if (::getuid() != 0) GTEST_SKIP() << "this is one";
  ASSERT_EQ(::chown(folder_.path().c_str(), unprivileged_user, unprivileged_user), 0);
  const Ended ended = connbench(command({"threads", "--limit", "60", "--connector", "blocking-threads,epoll"}), [] {
    if (::setgid(unprivileged_user) != 0 || ::setuid(unprivileged_user) != 0) ::_exit(could_not_execute);
    ::prctl(PR_SET_DUMPABLE, 1);
  });
  if (ended.status == could_not_execute) GTEST_SKIP() << "another user cannot reach " << CONNBENCH_PROGRAM;
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_EQ(run().at("exhaustion").at("limit_kind"), "rlimit_nproc");
  expect_threads_to_run_out(rows_of_connector("blocking-threads"), 60);
  expect_to_hold_all(rows_of_connector("epoll"), 150);
}

TEST_F(Exhaust, OfThreadsWithoutALabCountsTheOtherThreadsOfTheUser) {
  if (::getuid() != 0) GTEST_SKIP() << "needs a user whose other threads are known";
  ASSERT_EQ(::chown(folder_.path().c_str(), yet_another_user, yet_another_user), 0);
  const Ended ended = connbench(command({"threads", "--limit", "60", "--connector", "blocking-threads"}), [] {
    refuse(SYS_unshare);
    if (::setgid(yet_another_user) != 0 || ::setuid(yet_another_user) != 0) ::_exit(could_not_execute);
  });
  if (ended.status == could_not_execute) GTEST_SKIP() << "another user cannot reach " << CONNBENCH_PROGRAM;
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_EQ(run().at("network"), "host");
  expect_threads_to_run_out(rows_of_connector("blocking-threads"), 60);
}

TEST_F(Exhaust, WarnsWhenDeadlinesPassWhileOthersAreStarted) {
  std::vector<std::string> arguments = command({"fds", "--connector", "epoll"});
  *std::ranges::find(arguments, usual_timeout) = "1us";
  const Ended ended = connbench(arguments);
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("longer --timeout"));
  EXPECT_LT(number(rows_of_connector("epoll").back(), "pending"), 150U);
}

TEST_F(Exhaust, OfDescriptorsStopsEveryConnector) {
  const Ended ended = connbench(command({"fds", "--limit", "90", "--connector", "blocking-threads,epoll"}));
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  for (const char* connector : {"blocking-threads", "epoll"}) {
    const Row last = rows_of_connector(connector).back();
    EXPECT_EQ(last.at("stopped_call"), "socket");
    EXPECT_EQ(number(last, "os_error"), unsigned{EMFILE});
    EXPECT_LT(number(last, "pending"), 90U);
    EXPECT_GT(number(last, "pending"), 70U);
    EXPECT_EQ(number(last, "fds"), 90U);
    EXPECT_EQ(last.at("healthy_p50_ns"), "");
    EXPECT_GT(number(last, "recovery_released_ns"), 0U);
  }
}

TEST_F(Exhaust, OfPortsLeavesConnectsToAnotherHostAlone) {
  const Ended ended = connbench(command({"ports", "--limit", "70", "--connector", "epoll"}));
  if (ended.status == 3) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  const Row last = rows_of_connector("epoll").back();
  EXPECT_EQ(number(last, "pending"), 70U);
  EXPECT_EQ(last.at("stopped_call"), "connect");
  EXPECT_EQ(number(last, "os_error"), unsigned{EADDRNOTAVAIL});
  EXPECT_GT(number(last, "healthy_p50_ns"), 0U);
}

// The kernel closes the sockets of a ring some time after its process has ended.
TEST_F(Exhaust, OfPortsStartsEveryRampWithAllPorts) {
  const Ended ended =
      connbench({"exhaust", "ports", "--limit", "70", "--pending", "150", "--healthy", "10", "--timeout", "500ms",
                 "--connector", "io-uring,epoll", "--repetitions", "3", "--out", out()});
  if (ended.status == 3) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_THAT(ended.err, Not(HasSubstr("still open")));
  size_t ends = 0;
  for (const Row& row : rows_of(out() + "/exhaustion.csv")) {
    if (row.at("stopped_call").empty()) continue;
    EXPECT_EQ(number(row, "pending"), 70U) << row.at("connector");
    ++ends;
  }
  EXPECT_GE(ends, 3U);
}

TEST_F(Exhaust, OfUnixSocketsSaysThatTheyAreRefused) {
  const Ended ended = connbench(command({"fds", "--limit", "64", "--family", "unix", "--connector", "epoll"}));
  EXPECT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("150 dead attempts ended refused"));
}

TEST_F(Exhaust, OfMemoryStopsConnectorsThatNeedStacks) {
  if (sanitized) GTEST_SKIP() << "sanitizers take terabytes of address space";
  const Ended ended =
      connbench(command({"memory", "--limit", "100MiB", "--connector", "blocking-threads+stack:1MiB,epoll"}));
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  const Row last = rows_of_connector("blocking-threads+stack:1MiB").back();
  EXPECT_EQ(last.at("stopped_call"), "pthread_create");
  EXPECT_LT(number(last, "pending"), 100U);
  expect_to_hold_all(rows_of_connector("epoll"), 150);
}

TEST_F(Exhaust, WithoutALabUsesLoopbackAndSaysSo) {
  const Ended ended = connbench(command({"fds", "--limit", "90", "--connector", "epoll"}), [] { refuse(SYS_unshare); });
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("backlog-full"), HasSubstr("there is no lab")));
  EXPECT_THAT(run().at("warnings").dump(), HasSubstr("there is no lab"));
  EXPECT_EQ(run().at("network"), "host");
  EXPECT_EQ(rows_of_connector("epoll").back().at("stopped_call"), "socket");
}

// Nothing but a server needs epoll_ctl() here.
TEST_F(Exhaust, SaysWhyAServerDied) {
  const Ended ended = connbench(command({"fds", "--connector", "blocking-threads", "--repetitions", "1000"}),
                                [] { refuse(SYS_epoll_ctl); });
  EXPECT_EQ(ended.status, 5) << ended.out;
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr("the server of accepting"), HasSubstr("(accepting: epoll_ctl: Operation not")));
}

TEST_F(Exhaust, OfPortsNeedsALab) {
  const Ended ended = connbench(command({"ports"}), [] { refuse(SYS_unshare); });
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("ports"));
}

TEST_F(Exhaust, SkipsConnectorsWhoseAttemptsCannotPileUpAndSaysWhy) {
  const Ended ended = connbench(
      command({"fds", "--limit", "90", "--family", "unix", "--connector", "null,blocking,libuv,blocking-threads"}));
  ASSERT_EQ(ended.status, 0) << ended.err << ended.out;
  EXPECT_EQ(run().at("skipped").size(), 3U);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("skipped for null:"), HasSubstr("skipped for blocking:"),
                               HasSubstr("skipped for libuv:")));
  EXPECT_EQ(rows_of_connector("blocking-threads").back().at("stopped_call"), "socket");
}

TEST_F(Exhaust, OfPortsOfUnixSocketsIsRefused) {
  const Ended ended = connbench(command({"ports", "--family", "unix"}));
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("UNIX sockets have no ports"));
}

// A run that only a signal ends: 100 ramps of at least 4 s each.
class KilledExhaust : public Exhaust {
 protected:
  std::vector<std::string> endless() const {
    return {CONNBENCH_PROGRAM,
            "exhaust",
            "threads",
            "--limit",
            "60",
            "--connector",
            "epoll",
            "--pending",
            "100",
            "--step",
            "10",
            "--healthy",
            "1",
            "--timeout",
            "4s",
            "--repetitions",
            "100",
            "--out",
            out()};
  }
  void wait_for_rows(const Program& program, size_t rows) const {
    wait_until(program, [&] {
      return static_cast<size_t>(std::ranges::count(content_of(out() + "/exhaustion.csv"), '\n')) > rows;
    });
  }
  void expect_nothing_left(const Program& program, pid_t pid) const {
    const TimePoint until = now() + patience;
    EXPECT_THAT(program.left_behind(), IsEmpty());
    while (!groups_of(pid).empty() && now() < until) ::poll(nullptr, 0, 5);
    EXPECT_THAT(groups_of(pid), IsEmpty());
  }
  void expect_readable_prefix() const {
    EXPECT_EQ(run().at("complete"), false);
    for (const Row& row : rows_of(out() + "/exhaustion.csv")) EXPECT_EQ(row.at("connector"), "epoll");
  }
};

TEST_F(KilledExhaust, LeavesReadableRowsNoProcessAndNoCgroup) {
  Program program(endless());
  ASSERT_NO_FATAL_FAILURE(wait_for_rows(program, 5));
  if (::getuid() == 0) {
    EXPECT_EQ(groups_of(program.pid()).size(), 1U);
  }
  ::kill(-program.pid(), SIGKILL);  // the whole group, at once
  EXPECT_EQ(program.wait().signal, SIGKILL);
  expect_nothing_left(program, program.pid());
  expect_readable_prefix();
}

TEST_F(KilledExhaust, LeavesNothingWhenOnlyItsFirstProcessIsKilled) {
  Program program(endless());
  ASSERT_NO_FATAL_FAILURE(wait_for_rows(program, 5));
  ::kill(program.pid(), SIGKILL);
  EXPECT_EQ(program.wait().signal, SIGKILL);
  expect_nothing_left(program, program.pid());
}

TEST_F(KilledExhaust, EndsWhenItIsInterrupted) {
  Program program(endless());
  ASSERT_NO_FATAL_FAILURE(wait_for_rows(program, 5));
  ::kill(program.pid(), SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("interrupted"), Not(HasSubstr("FAILED"))));
  expect_nothing_left(program, program.pid());
  expect_readable_prefix();
}

struct RefusedArguments {
  std::string name;
  std::vector<std::string> arguments;
  std::vector<std::string> expected;  // all of them on stderr
};

void PrintTo(const RefusedArguments& refused, std::ostream* out) {
  for (const std::string& argument : refused.arguments) *out << argument << ' ';
}

class RefusedExhaust : public testing::TestWithParam<RefusedArguments> {};
INSTANTIATE_TEST_SUITE_P(
    Run, RefusedExhaust,
    testing::Values(
        RefusedArguments{"ResourceUnknown", {"thread"}, {"thread", "threads, fds, ports, memory"}},
        RefusedArguments{"ResourceMissing", {}, {"RESOURCE", "threads, fds, ports or memory"}},
        RefusedArguments{"ThreadsBelowTheHarness", {"threads", "--limit", "1"}, {"--limit", "at least 2"}},
        RefusedArguments{"DescriptorsBelowTheHarness", {"fds", "--limit", "3"}, {"--limit", "at least 7"}},
        RefusedArguments{"MemoryBelowTheHarness", {"memory", "--limit", "1MiB"}, {"--limit", "at least", "MiB"}},
        RefusedArguments{"DescriptorsBeyondTheMachine", {"fds", "--limit", "2000000000"}, {"RLIMIT_NOFILE"}},
        RefusedArguments{"ThreadsBeyondTheMachine", {"threads", "--limit", "99999999"}, {"--limit", "beyond"}},
        RefusedArguments{"PortsBeyondAll", {"ports", "--limit", "60000"}, {"--limit", "31744"}},
        RefusedArguments{"LimitZero", {"threads", "--limit", "0"}, {"--limit"}},
        RefusedArguments{"LimitNotANumber", {"fds", "--limit", "many"}, {"--limit", "many"}},
        RefusedArguments{"LimitAndToTheEnd", {"fds", "--limit", "99", "--to-the-end"}, {"--limit", "--to-the-end"}},
        RefusedArguments{"MemoryToTheEnd", {"memory", "--to-the-end"}, {"--to-the-end", "--limit"}},
        RefusedArguments{"PendingZero", {"fds", "--pending", "0"}, {"--pending"}},
        RefusedArguments{"TooManySteps", {"fds", "--pending", "900000", "--step", "1"}, {"--step"}},
        RefusedArguments{"HealthyZero", {"fds", "--healthy", "0"}, {"--healthy"}},
        RefusedArguments{"TimeoutZero", {"fds", "--timeout", "0s"}, {"--timeout"}},
        RefusedArguments{"TimeoutWithoutUnit", {"fds", "--timeout", "3"}, {"--timeout", "did you mean 3ms?"}},
        RefusedArguments{"FamilyBoth", {"fds", "--family", "both"}, {"--family", "both"}},
        RefusedArguments{"ConnectorUnknown", {"fds", "--connector", "epol"}, {"epol", "epoll"}},
        RefusedArguments{"ConnectorTwice", {"fds", "--connector", "epoll,epoll"}, {"epoll", "twice"}}),
    [](const auto& test) { return test.param.name; });

TEST_P(RefusedExhaust, IsRefusedByNameBeforeAnythingStarts) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  std::vector<std::string> arguments{"exhaust"};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  arguments.insert(arguments.end(), {"--out", out});
  const Ended ended = connbench(arguments);
  EXPECT_EQ(ended.status, 2) << ended.err;
  for (const std::string& word : GetParam().expected) EXPECT_THAT(ended.err, HasSubstr(word));
  EXPECT_THAT(ended.out, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace connbench
