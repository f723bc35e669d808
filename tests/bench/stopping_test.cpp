// Commands that a signal stops or suspends.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "harness/lab/lab.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

class Stopping : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }
  std::string fifo() const { return folder_.path() / "fifo"; }
  std::vector<std::string> run(std::initializer_list<std::string> more) const {
    std::vector<std::string> words{CONNBENCH_PROGRAM, "run",   "--connector", "epoll",
                                   "--repetitions",   "1",     "--syscalls",  "off",
                                   "--quiet",         "--out", out()};
    words.insert(words.end(), more);
    return words;
  }
  TemporaryFolder folder_;
};

class StoppingInTheLab : public Stopping {
 protected:
  void SetUp() override {
    if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
    ASSERT_EQ(::mkfifo(fifo().c_str(), 0600), 0);
  }
};

TEST_F(StoppingInTheLab, EndsWhileItWaitsForTheReaderOfAFifo) {
  for (const int signal : stop_signals)
    for (const auto& words : {run({"--target", "accepting", "--attempts", "50", "--pcap", fifo()}),
                              {CONNBENCH_PROGRAM, "trace", "--pcap", fifo()},
                              {CONNBENCH_PROGRAM, "trace", "--out", fifo()}}) {
      Program program(words);
      // The lab is there: the run, its supervisors and the link.
      wait_until(program, [&] { return processes_of_session(program.pid()).size() >= 4; });
      ::kill(program.pid(), signal);
      const Ended ended = program.wait();
      EXPECT_EQ(ended.status, 128 + signal) << ended.err;
      EXPECT_FALSE(std::filesystem::exists(out()));
      EXPECT_THAT(program.left_behind(), IsEmpty());
    }
}

// The pipe holds 64 KiB and the reader reads nothing, so that the capture waits for ever.
TEST_F(StoppingInTheLab, EndsWhileNobodyReadsItsCapture) {
  for (const int signal : stop_signals) {
    std::filesystem::remove_all(out());
    const UniqueFd reader(::open(fifo().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    Program program(run({"--target", "accepting", "--attempts", "1000", "--pcap", fifo()}));
    wait_until(program, [&] { return std::ranges::count(content_of(out() + "/summary.csv"), '\n') == 2; });
    ::kill(program.pid(), signal);
    const Ended ended = program.wait();
    EXPECT_EQ(ended.status, 128 + signal) << ended.err;
    EXPECT_THAT(ended.err, AllOf(HasSubstr("the capture was cut short by a signal"), HasSubstr("interrupted")));
    EXPECT_THAT(ended.out, HasSubstr("connects/s"));
    EXPECT_EQ(json_of(out() + "/run.json").at("complete"), false);
    EXPECT_EQ(rows_of(out() + "/samples.csv").size(), 1000U);
    EXPECT_THAT(program.left_behind(), IsEmpty());
  }
}

TEST_F(StoppingInTheLab, SaysThatTheReaderOfItsCaptureHasLeft) {
  UniqueFd reader(::open(fifo().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Program program({CONNBENCH_PROGRAM, "run", "--connector", "epoll", "--target", "accepting", "--attempts", "50",
                   "--repetitions", "3000", "--syscalls", "off", "--quiet", "--pcap", fifo(), "--out", out()});
  wait_until(program, [&] { return std::ranges::count(content_of(out() + "/summary.csv"), '\n') > 1; });
  reader.reset(-1);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 5) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("the capture failed: Broken pipe"));
  EXPECT_THAT(ended.out, HasSubstr("connects/s"));
}

// Nobody reads stdout or stderr, and both are full: what is measured does not wait for them.
TEST_F(Stopping, EndsWhileNobodyReadsItsOutput) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
  const UniqueFd reader(ends[0]), writer(ends[1]);
  while (::write(writer.get(), "x", 1) == 1) {
  }
  ::fcntl(writer.get(), F_SETFL, 0);
  Program program(run({"--target", "accepting", "--attempts", "50"}), [&] {
    for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(writer.get(), standard);
  });
  wait_until(program, [&] {
    const std::string text = content_of(out() + "/run.json");
    return text.find("\"complete\": true") != std::string::npos;
  });
  ::kill(program.pid(), SIGTERM);
  EXPECT_EQ(program.wait().signal, SIGTERM);
  EXPECT_EQ(json_of(out() + "/run.json").at("complete"), true);
}

// 64 of a million attempts were offered. Only they are written, and all are counted.
TEST_F(Stopping, WritesNoRowsForAttemptsThatWereNeverOffered) {
  for (const std::string shards : {"1", "2"}) {
    std::filesystem::remove_all(out());
    Program program(run({"--target", "backlog-full", "--attempts", "1000000", "--concurrency", "64", "--timeout", "60s",
                         "--wave-limit", "600s", "--shards", shards}));
    wait_for_wave(program, out());
    ::kill(program.pid(), SIGINT);
    const Ended ended = program.wait();
    EXPECT_EQ(ended.status, 130) << ended.err;
    EXPECT_THAT(ended.out, AllOf(Not(HasSubstr("wave-limit")), Not(HasSubstr("unexpected outcomes"))));
    const auto rows = rows_of(out() + "/summary.csv");
    EXPECT_EQ(number(rows[0], "attempts"), 1'000'000U);
    EXPECT_EQ(accounted_for(rows[0]), 1'000'000U);
    EXPECT_GE(number(rows[0], "never_started"), 1'000'000U - 64);
    const size_t written = rows_of(out() + "/samples.csv").size();
    EXPECT_LE(written, 64U);
    const auto failure = json_of(out() + "/run.json").at("failures").at(0);
    // On a busy machine its process may take longer to end than it is given.
    EXPECT_THAT(failure.at("failure").get<std::string>(), testing::AnyOf("cut short by a signal", "ended by request"));
    EXPECT_EQ(failure.at("samples_omitted"), 1'000'000 - written);
  }
}

// Stops every process of the program, as Ctrl-Z does, until `time` has passed.
void suspend(const Program& program, Duration time) {
  ::kill(-program.pid(), SIGSTOP);
  sleep_until(now() + time);
  ::kill(-program.pid(), SIGCONT);
}

TEST_F(Stopping, SaysThatItWasSuspendedAndKeepsTheWave) {
  // Longer than the wave may take in all: the pause is not counted.
  Program program(run({"--target", "backlog-full", "--attempts", "50", "--timeout", "2s", "--wave-limit", "3s"}));
  wait_for_wave(program, out());
  suspend(program, std::chrono::seconds(6));
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("suspended by a signal"));
  const auto run = json_of(out() + "/run.json");
  ASSERT_EQ(run.at("suspensions").size(), 1U);
  EXPECT_GE(run.at("suspensions").at(0).at("stopped_ns"), 5'000'000'000);
  // A busy machine may warn of more.
  EXPECT_THAT(run.at("warnings").get<std::vector<std::string>>(), testing::Contains(HasSubstr("suspended")).Times(1));
  EXPECT_THAT(run.at("failures"), IsEmpty());
}

TEST_F(Stopping, SaysThatARampWasSuspended) {
  Program program({CONNBENCH_PROGRAM, "exhaust", "fds", "--limit", "256", "--connector", "epoll", "--timeout", "3s",
                   "--repetitions", "1", "--family", "unix", "--quiet", "--out", out()});
  wait_until(program, [&] { return std::ranges::count(content_of(out() + "/exhaustion.csv"), '\n') > 1; });
  suspend(program, std::chrono::milliseconds(300));
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_GE(json_of(out() + "/run.json").at("suspensions").at(0).at("stopped_ns"), 200'000'000);
}

}  // namespace
}  // namespace connbench
