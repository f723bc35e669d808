// connbench run --shards.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <set>

#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class ShardedRun : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }
  TemporaryFolder folder_;
};

// Libraries keep descriptors for the whole process; a shard must not look them up in its own descriptor table.
TEST_F(ShardedRun, WorksForEveryConnectorAndRecordsTheShardOfEachAttempt) {
  const Ended ended = connbench({"run", "--shards", "3", "--timeout", long_timeout, "--concurrency", "12", "--attempts",
                                 "60", "--repetitions", "1", "--syscalls", "off", "--out", out()});
  EXPECT_EQ(ended.status, 0) << ended.out << ended.err;
  std::map<std::string, std::set<uint64_t>> attempts;
  for (const Row& row : rows_of(out() + "/samples.csv")) {
    EXPECT_EQ(number(row, "shard"), number(row, "attempt") % 3);
    EXPECT_EQ(row.at("outcome"), "connected");
    attempts[row.at("connector")].insert(number(row, "attempt"));
  }
  const auto summary = rows_of(out() + "/summary.csv");
  EXPECT_EQ(attempts.size(), summary.size());
  for (const Row& row : summary) {
    EXPECT_EQ(number(row, "shards"), 3U);
    EXPECT_EQ(attempts[row.at("connector")].size(), 60U) << row.at("connector");
  }
}

// A signal that reached a thread of another shard would end an attempt too early.
TEST_F(ShardedRun, SendsSignalsOnlyToTheThreadsTheyAreFor) {
  const auto run = [&](const char* connectors, const std::string& folder, std::vector<std::string> more) {
    std::vector<std::string> arguments{"run",  "--connector",   connectors, "--target",   "backlog-full", "--shards",
                                       "3",    "--concurrency", "30",       "--attempts", "90",           "--timeout",
                                       "50ms", "--repetitions", "1",        "--syscalls", "off",          "--out",
                                       folder};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = connbench(arguments);
    EXPECT_EQ(ended.status, 0) << ended.out << ended.err;
    return rows_of(folder + "/summary.csv");
  };
  for (const Row& row :
       run("blocking-threads,blocking-pool", out() + "-bound", {"--wave-limit", sanitized ? "4s" : "1s"}))
    EXPECT_EQ(number(row, "cancelled") + number(row, "never_started"), 90U) << row.at("connector");
  for (const Row& row : run("signal-threads,signal-pool", out(), {"--wave-limit", "60s"}))
    EXPECT_EQ(number(row, "deadline_exceeded"), 90U) << row.at("connector");
  for (const Row& row : rows_of(out() + "/samples.csv"))
    EXPECT_GE(number(row, "finished_ns"), number(row, "started_ns") + 50'000'000);
}

TEST_F(ShardedRun, CountsTheSystemCallsOfAllShards) {
  const Ended ended = connbench({"run", "--connector", "epoll", "--shards", "3", "--concurrency", "12", "--attempts",
                                 "300", "--repetitions", "1", "--out", out()});
  EXPECT_EQ(ended.status, 0) << ended.out << ended.err;
  const Row row = rows_of(out() + "/summary.csv").at(0);
  if (row.at("syscalls").empty()) GTEST_SKIP() << ended.out;
  EXPECT_GE(number(row, "syscalls"), 300U * 4) << "socket, connect, epoll_ctl, close";
}

TEST_F(ShardedRun, LeavesNoProcessWhenItIsKilled) {
  Program program({CONNBENCH_PROGRAM, "run", "--connector", "epoll", "--target", "backlog-full", "--shards", "3",
                   "--concurrency", "60", "--attempts", "60", "--timeout", "60s", "--syscalls", "off", "--out", out()});
  wait_for_wave(program, out());
  ::kill(program.pid(), SIGKILL);
  EXPECT_EQ(program.wait().signal, SIGKILL);
  EXPECT_THAT(program.left_behind(), IsEmpty());
  EXPECT_EQ(json_of(out() + "/run.json").at("complete"), false);
}

TEST_F(ShardedRun, HoldsMoreAttemptsThanOneDescriptorTable) {
  const auto lowered = [] {
    const rlimit limit{300, 300};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  };
  std::vector<std::string> arguments{"run",           "--connector", "epoll", "--concurrency", "1000",
                                     "--repetitions", "1",           "--out", out(),           "--dry-run"};
  const Ended refused = connbench(arguments, lowered);
  EXPECT_EQ(refused.status, 3) << refused.out;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("RLIMIT_NOFILE"), HasSubstr("--shards 5")));
  arguments.insert(arguments.end(), {"--shards", "5"});
  EXPECT_EQ(connbench(arguments, lowered).status, 0);
}

TEST_F(ShardedRun, IsRefusedWhenTheKernelLacksTheMemory) {
  constexpr rlim_t pending = 80'000'000;  // 400 GiB of slab
  rlimit table{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &table), 0);
  const rlim_t shards = pending / (table.rlim_max - 100) + 1;
  if (shards > 8'000) GTEST_SKIP() << "RLIMIT_NOFILE is too low to come so far";
  const Ended ended = connbench({"run", "--connector", "epoll", "--concurrency", std::to_string(pending), "--attempts",
                                 std::to_string(pending), "--shards", std::to_string(shards), "--dry-run"});
  EXPECT_EQ(ended.status, 3) << ended.out;
  EXPECT_THAT(ended.err, AllOf(HasSubstr("pending at once"), HasSubstr("To raise it"), HasSubstr("--concurrency")));
}

}  // namespace
}  // namespace connbench
