// What a terminal is told of a long wave.
#include "bench/progress.h"

#include <gmock/gmock.h>
#include <pty.h>

#include "harness/wave/division.h"
#include "tests/bench/program.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Case case_of(size_t attempts, Duration timeout) {
  return {.scenario = "burst",
          .connector = "epoll",
          .target = "blackhole",
          .concurrency = attempts,
          .attempts = attempts,
          .timeout = timeout};
}

TEST(ProgressLines, TellTheRateAndTheTimeLeftWhileAttemptsAreBegun) {
  EXPECT_EQ(progress_line(case_of(1000, 20s), false, {.elapsed = 2s, .started = 400, .done = 0}, std::nullopt),
            "400/1000 begun at 200/s, 0 done, about 23.0 s left")
      << "3 s until the last is begun, and its timeout";
}

TEST(ProgressLines, WaitForTheTimeoutOfTheLastWhereNobodyAnswers) {
  EXPECT_EQ(progress_line(case_of(1000, 20s), false, {.elapsed = 7s, .started = 1000, .done = 10}, 5s),
            "1000/1000 begun, 10 done, about 18.0 s left");
}

TEST(ProgressLines, GoOnAtTheirRateWhereHostsAnswer) {
  EXPECT_EQ(progress_line(case_of(1000, 20s), true, {.elapsed = 4s, .started = 260, .done = 250}, std::nullopt),
            "260/1000 begun at 65/s, 250 done, about 12.0 s left");
}

TEST(ProgressLines, DoNotGuessBeforeAnythingHappened) {
  EXPECT_THAT(progress_line(case_of(1000, 20s), true, {.elapsed = 4s}, std::nullopt), Not(HasSubstr("left")));
}

TEST(WaveProgress, CountsWhatHasBegunAndWhatIsDoneInEveryShard) {
  SampleBuffer samples(100);
  const Division division{100, 3};
  for (size_t shard = 0; shard < 3; ++shard)
    for (size_t i = 0; i < 10 * (shard + 1); ++i)
      samples.samples()[division.first(shard) + i].state = i % 2 == 0 ? Sample::State::done : Sample::State::submitted;
  const WaveProgress seen = look_at(samples, 3);
  EXPECT_EQ(seen.started, 60U);
  EXPECT_EQ(seen.done, 30U);
}

TEST(WaveProgress, OfVeryManyIsNearTheTruth) {
  SampleBuffer samples(100'000);
  for (size_t i = 0; i < 60'000; ++i)
    samples.samples()[i].state = i < 20'000 ? Sample::State::done : Sample::State::submitted;
  const WaveProgress seen = look_at(samples, 1);
  EXPECT_EQ(seen.started, 60'000U);
  EXPECT_NEAR(double(seen.done), 20'000, 100);
}

// What a terminal sees of a wave that lasts.
TEST(ProgressOfARun, IsToldOnATerminalOnly) {
  const TemporaryFolder folder;
  int terminal = -1;
  int end_of_program = -1;
  const winsize size{.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::openpty(&terminal, &end_of_program, nullptr, nullptr, &size), 0);
  const UniqueFd ours(terminal);
  UniqueFd theirs(end_of_program);
  const std::vector<std::string> arguments{CONNBENCH_PROGRAM,
                                           "run",
                                           "--connector",
                                           "epoll",
                                           "--target",
                                           "backlog-full",
                                           "--concurrency",
                                           "20",
                                           "--shards",
                                           thread_sanitizer ? "1" : "2",  // it takes two descriptor tables for one

                                           "--attempts",
                                           "20",
                                           "--timeout",
                                           "2s",
                                           "--syscalls",
                                           "off",
                                           "--repetitions",
                                           "1",
                                           "--out",
                                           folder.path() / "run"};
  Program program(arguments, [&] { ::dup2(end_of_program, STDERR_FILENO); });
  theirs.reset(-1);
  ASSERT_EQ(::fcntl(ours.get(), F_SETFL, O_NONBLOCK), 0);
  std::string told;
  const auto read_all = [&] {  // while it runs: a terminal that nobody reads from makes its writer wait
    char block[4096];
    for (ssize_t got; (got = ::read(ours.get(), block, sizeof block)) > 0;)
      told.append(block, static_cast<size_t>(got));
  };
  while (!program.ends_within(20ms)) read_all();
  read_all();
  EXPECT_EQ(program.wait().status, 0);
  EXPECT_THAT(told, AllOf(HasSubstr("20/20 begun, 0 done, about"), HasSubstr("left")));
  for (size_t from = 0, to; (to = told.find('\r', from)) != std::string::npos; from = to + 1)
    EXPECT_LE(to - from, size.ws_col + 3U) << "a line that wraps cannot be taken away again";
}

}  // namespace
}  // namespace connbench
