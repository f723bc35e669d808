// What people see of a run while it lasts.
#include <gmock/gmock.h>
#include <pty.h>

#include "harness/support/text_table.h"
#include "harness/wave/division.h"
#include "harness/wave/wave.h"
#include "tests/bench/program.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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

// A program whose stderr is a terminal of 60 columns.
class OnATerminal : public testing::Test {
 protected:
  static constexpr winsize size{.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};

  void SetUp() override {
    int ours = -1;
    int theirs = -1;
    ASSERT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, &size), 0);
    ours_.reset(ours);
    theirs_.reset(theirs);
    ASSERT_EQ(::fcntl(ours, F_SETFL, O_NONBLOCK), 0);
  }

  std::unique_ptr<Program> start(std::vector<std::string> more) {
    std::vector<std::string> arguments{CONNBENCH_PROGRAM, "run",   "--connector",          "epoll",      "--target",
                                       "backlog-full",    "--out", folder_.path() / "run", "--syscalls", "off"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return start_command(arguments);
  }

  std::unique_ptr<Program> start_command(const std::vector<std::string>& arguments) {
    auto program = std::make_unique<Program>(arguments, [&] { ::dup2(theirs_.get(), STDERR_FILENO); });
    theirs_.reset(-1);
    return program;
  }

  // While the program runs: a terminal that nobody reads makes its writer wait.
  void read_all() {
    char block[4096];
    for (ssize_t got; (got = ::read(ours_.get(), block, sizeof block)) > 0;)
      shown_.append(block, static_cast<size_t>(got));
  }

  bool shows(std::string_view text, Duration bound) {
    const TimePoint until = now() + bound;
    for (read_all(); shown_.find(text) == std::string::npos && now() < until; read_all()) ::poll(nullptr, 0, 10);
    return shown_.find(text) != std::string::npos;
  }

  void expect_no_line_to_wrap() const {
    const std::string rewrite = "\r\033[K";
    for (size_t from = 0, to; (to = shown_.find(rewrite, from)) != std::string::npos; from = to + rewrite.size())
      EXPECT_LT(display_width(std::string_view(shown_).substr(from, to - from)), size.ws_col)
          << "a line that wraps cannot be removed";
  }

  TemporaryFolder folder_;
  UniqueFd ours_{-1};
  UniqueFd theirs_{-1};
  std::string shown_;
};

TEST_F(OnATerminal, AWaveThatLastsShowsItsPlaceTheTimeLeftAndHowFarItIs) {
  const auto program =
      start({"--concurrency", "20", "--attempts", "20", "--timeout", "2s", "--repetitions", "1", "--shards", "2"});
  while (!program->ends_within(20ms)) read_all();
  read_all();
  EXPECT_EQ(program->wait().status, 0);
  EXPECT_THAT(shown_, AllOf(HasSubstr("wave 1 of 1, about "), HasSubstr(" left: epoll on"), HasSubstr("20/20 begun")));
  EXPECT_THAT(shown_, testing::EndsWith("\r\033[K")) << "nothing of it remains";
  expect_no_line_to_wrap();
}

TEST_F(OnATerminal, ARunThatIsInterruptedPrintsItsTableSoFar) {
  const auto program = start({"--concurrency", "20", "--attempts", "20", "--timeout", "200ms", "--repetitions", "200"});
  ASSERT_TRUE(shows("wave 2 of 200, about ", patience)) << shown_;
  ::kill(program->pid(), SIGINT);
  while (!program->ends_within(20ms)) read_all();
  read_all();
  const Ended ended = program->wait();
  EXPECT_EQ(ended.status, 128 + SIGINT);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("backlog-full (IPv4)"), HasSubstr("late p50"), HasSubstr("records: ")));
  EXPECT_THAT(ended.out, Not(HasSubstr("next: "))) << "the records are not complete";
  EXPECT_THAT(shown_, AllOf(HasSubstr("interrupted"), HasSubstr("\"complete\": false")));
}

TEST_F(OnATerminal, AProbeShowsWhatIsStillToCome) {
  const auto program =
      start_command({CONNBENCH_PROGRAM, "probe", "--only", "S1,S6", "--out", folder_.path() / "probe"});
  while (!program->ends_within(20ms)) read_all();
  read_all();
  EXPECT_EQ(program->wait().status, 0);
  EXPECT_THAT(shown_, HasSubstr("0 of 2 probes done, to come: S1, S6"));
  expect_no_line_to_wrap();
}

TEST_F(OnATerminal, AQuietRunShowsNothing) {
  const auto program =
      start({"--concurrency", "2", "--attempts", "2", "--timeout", "20ms", "--repetitions", "2", "--quiet"});
  while (!program->ends_within(20ms)) read_all();
  read_all();
  EXPECT_EQ(program->wait().status, 0);
  EXPECT_EQ(shown_, "");
}

TEST(WithoutATerminal, ALineOfProgressComesEveryTenSeconds) {
  const TemporaryFolder folder;
  const std::vector<std::string> common{
      "run", "--connector",   "epoll", "--target",   "backlog-full", "--timeout",     "11500ms", "--attempts",
      "2",   "--concurrency", "2",     "--syscalls", "off",          "--repetitions", "1"};
  std::vector<std::string> told = common, quiet = common;
  told.insert(told.end(), {"--out", folder.path() / "told"});
  quiet.insert(quiet.end(), {"--out", folder.path() / "quiet", "--quiet"});
  told.insert(told.begin(), CONNBENCH_PROGRAM);
  quiet.insert(quiet.begin(), CONNBENCH_PROGRAM);
  Program first(told);
  Program second(quiet);
  EXPECT_THAT(first.wait().err, testing::MatchesRegex("wave 1 of 1, about [0-9]+ s left: epoll on backlog-full "
                                                      "\\(IPv4, 2 in flight, timeout 11.5s\\), repetition 1, 2/2 "
                                                      "begun, 0 done\n"));
  EXPECT_EQ(second.wait().err, "");
}

}  // namespace
}  // namespace connbench
