// Runs that are interrupted, killed, or cannot write: what is on disk afterwards, and that nothing keeps running.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class BrokenRun : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }

  // Only a signal ends it: it has 12,000 waves, and each against backlog-full would last a minute.
  std::vector<std::string> endless(const std::string& targets, const std::string& syscalls = "off",
                                   const std::string& format = "csv") const {
    return {CONNBENCH_PROGRAM,  "run",   "--connector", "epoll,select-threads",
            "--target",         targets, "--attempts",  "200",
            "--concurrency",    "50",    "--timeout",   "60s",
            "--repetitions",    "3000",  "--syscalls",  syscalls,
            "--seed",           "1",     "--out",       out(),
            "--samples-format", format};
  }

  // Until summary.csv holds this many waves.
  void wait_for_waves(const Program& program, size_t waves) const {
    wait_until(program, [&] {
      return static_cast<size_t>(std::ranges::count(content_of(out() + "/summary.csv"), '\n')) > waves;
    });
  }

  void expect_readable_prefix(size_t least_samples, const std::string& samples = "samples.csv") const {
    EXPECT_EQ(json_of(out() + "/run.json").at("complete"), false);
    EXPECT_GE(rows_of(out() + "/" + samples).size(), least_samples);
    for (const Row& row : rows_of(out() + "/summary.csv")) EXPECT_EQ(accounted_for(row), number(row, "attempts"));
    EXPECT_TRUE(json_of(out() + "/benchmark.json").contains("benchmarks"));
  }

  TemporaryFolder folder_;
};

TEST_F(BrokenRun, StopsWhenInterruptedAndKeepsWhatItHas) {
  Program program(endless("accepting,refusing"));
  wait_for_waves(program, 2);
  ::kill(program.pid(), SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("interrupted"));
  expect_readable_prefix(400);
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(BrokenRun, LeavesCompressedSamplesThatCanBeReadAsFarAsTheyWereWritten) {
  for (const int signal : {SIGINT, SIGKILL}) {
    std::filesystem::remove_all(out());
    Program program(endless("accepting,refusing", "off", "zst"));
    wait_for_waves(program, 2);
    ::kill(program.pid(), signal);
    program.wait();
    EXPECT_THAT(program.left_behind(),
                IsEmpty());  // in the lab, the run is another process than the one that was killed
    expect_readable_prefix(400, "samples.csv.zst");
    EXPECT_FALSE(std::filesystem::exists(out() + "/samples.csv"));
  }
}

TEST_F(BrokenRun, StopsInTheMiddleOfAWaveThatNobodyAnswers) {
  Program program(endless("backlog-full"));
  wait_for_wave(program, out());
  ::kill(-program.pid(), SIGINT);  // as a terminal does: the whole group
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr(", 0 x 200 attempts"), Not(HasSubstr("unexpected outcomes"))));
  expect_readable_prefix(0);
  for (const Row& row : rows_of(out() + "/summary.csv"))  // it did not wait for the timeout of the attempts
    EXPECT_EQ(number(row, "deadline_exceeded"), 0);
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(BrokenRun, ShowsNoTableWhenInterruptedWhileSystemCallsAreCounted) {
  Program program(endless("backlog-full", "on"));
  wait_for_wave(program, out());
  ::kill(program.pid(), SIGINT);
  const Ended ended = program.wait();
  if (ended.out.find("system calls are not counted") != std::string::npos) GTEST_SKIP() << ended.out;
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("interrupted while system calls were being counted: nothing was measured yet"));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("records: "), Not(HasSubstr("attempts"))));
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(BrokenRun, LeavesReadableRowsAndNoProcessWhenItIsKilled) {
  Program program(endless("accepting,refusing"));
  wait_for_waves(program, 2);
  ::kill(program.pid(), SIGKILL);
  EXPECT_EQ(program.wait().signal, SIGKILL);
  EXPECT_THAT(program.left_behind(), IsEmpty());
  expect_readable_prefix(400);
}

TEST_F(BrokenRun, LeavesNoProcessWhenItIsKilledInTheMiddleOfAWaveThatNobodyAnswers) {
  Program program(endless("backlog-full"));
  wait_for_wave(program, out());
  ::kill(program.pid(), SIGKILL);
  EXPECT_EQ(program.wait().signal, SIGKILL);
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

std::vector<std::string> short_run(const std::string& out) {
  return {"run", "--connector", "epoll", "--attempts", "500", "--repetitions", "5", "--syscalls", "off", "--out", out};
}

TEST_F(BrokenRun, LeavesAnEarlierRunUntouched) {
  ASSERT_EQ(connbench(short_run(out())).status, 0);
  std::map<std::string, std::string> before;
  for (const auto& file : std::filesystem::directory_iterator(out())) before[file.path()] = content_of(file.path());
  ASSERT_EQ(before.size(), 5U);

  const Ended ended = connbench(short_run(out()));
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, testing::AllOf(HasSubstr(out()), HasSubstr("--out")));
  std::map<std::string, std::string> after;
  for (const auto& file : std::filesystem::directory_iterator(out())) after[file.path()] = content_of(file.path());
  EXPECT_EQ(after, before);
}

TEST_F(BrokenRun, SaysThatAFileHasTheNameOfItsFolder) {
  std::ofstream(out()) << "mine";
  const Ended ended = connbench(short_run(out()));
  EXPECT_THAT(ended.status, AnyOf(2, 5));
  EXPECT_THAT(ended.err, testing::AllOf(HasSubstr(out()), HasSubstr("--out")));
  EXPECT_EQ(content_of(out()), "mine");
}

TEST_F(BrokenRun, SaysThatItMayNotWriteToItsFolder) {
  std::filesystem::create_directory(out());
  std::filesystem::permissions(out(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  const Ended ended = connbench(short_run(out()), [] {
    constexpr uid_t some_other_user = 54'321;  // root may write anywhere
    if (::getuid() == 0 && ::setuid(some_other_user) != 0) ::_exit(could_not_execute);
  });
  if (ended.status == could_not_execute) GTEST_SKIP() << "another user cannot reach " << CONNBENCH_PROGRAM;
  EXPECT_THAT(ended.status, AnyOf(2, 5));
  EXPECT_THAT(ended.err, testing::AllOf(HasSubstr(out()), HasSubstr("--out")));
}

// A file at its size limit fails as on a full disk, but with EFBIG instead of ENOSPC.
TEST_F(BrokenRun, SaysWhichFileCouldNotGrowAndKeepsWhatWasWritten) {
  const Ended ended = connbench(short_run(out()), [] {
    const rlimit limit{200'000, 200'000};  // the samples of one or two waves
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);
  });
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, testing::AllOf(HasSubstr("samples.csv"), HasSubstr(out())));
  expect_readable_prefix(500);
}

}  // namespace
}  // namespace connbench
