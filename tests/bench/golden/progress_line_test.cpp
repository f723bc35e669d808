// The line of progress: what it says, how it is fitted to the terminal, and how it estimates the time left.
#include <gmock/gmock.h>

#include "bench/progress.h"
#include "harness/support/text_table.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

Case case_of(size_t attempts, Duration timeout) {
  return {.scenario = "burst",
          .connector = "epoll",
          .target = "blackhole",
          .concurrency = attempts,
          .attempts = attempts,
          .timeout = timeout};
}

TEST(WaveLeft, IsTheTimeToStartTheRestAndATimeoutWhereNobodyAnswers) {
  EXPECT_EQ(wave_left(case_of(1000, 20s), false, {.elapsed = 2s, .started = 400, .done = 0}, std::nullopt), 23s);
}

TEST(WaveLeft, IsTheTimeoutOfTheLastAttemptOnceAllHaveBegun) {
  EXPECT_EQ(wave_left(case_of(1000, 20s), false, {.elapsed = 7s, .started = 1000, .done = 10}, 5s), 18s);
}

TEST(WaveLeft, FollowsFromTheRateWhereHostsAnswer) {
  EXPECT_EQ(wave_left(case_of(1000, 20s), true, {.elapsed = 4s, .started = 260, .done = 250}, std::nullopt), 12s);
}

TEST(WaveLeft, IsUnknownBeforeAnythingHasHappened) {
  EXPECT_EQ(wave_left(case_of(1000, 20s), true, {.elapsed = 4s}, std::nullopt), std::nullopt);
}

TEST(WaveDetails, HaveTheRateOnlyWhileAttemptsAreStarted) {
  EXPECT_THAT(wave_details(case_of(1000, 20s), {.elapsed = 2s, .started = 400, .done = 3}),
              ElementsAre(", 400/1,000 begun at 200/s, 3 done", ", 400/1,000 begun, 3 done", ", 400/1,000 begun"));
  EXPECT_THAT(wave_details(case_of(1000, 20s), {.elapsed = 8s, .started = 1000, .done = 3}),
              ElementsAre(", 1,000/1,000 begun, 3 done", ", 1,000/1,000 begun"));
}

TEST(TimeLeft, IsWhatIsExpectedFromTheFirstSecond) {
  TimeLeft time;
  time.begin(TimePoint{}, 10s, 90s);
  EXPECT_EQ(time.left(TimePoint{}), 100s);
  EXPECT_EQ(time.left(TimePoint{4s}), 96s);
}

TEST(TimeLeft, FollowsHowLongTheFinishedPartsTook) {
  TimeLeft time;
  time.begin(TimePoint{}, 10s, 90s);
  for (int part = 1; part <= 5; ++part) time.begin(TimePoint{part * 20s}, 10s, (9 - part) * 10s);
  const Duration left = time.left(TimePoint{100s});  // half of it took twice as long as expected
  EXPECT_GT(left, 85s);
  EXPECT_LT(left, 100s);
}

TEST(TimeLeft, OfAPartThatOverrunsIsNeverNegative) {
  TimeLeft time;
  time.begin(TimePoint{}, 1s, 0s);
  EXPECT_EQ(time.left(TimePoint{60s}), 0s);
  EXPECT_EQ(time.left_after(7s), 7s);
}

TEST(Roughly, GivesTwoUnitsAtMost) {
  EXPECT_EQ(roughly(200ms), "1 s");
  EXPECT_EQ(roughly(42s), "42 s");
  EXPECT_EQ(roughly(130s), "2 min 10 s");
  EXPECT_EQ(roughly(2h + 5min), "2 h 5 min");
}

TEST(FittedLine, ShortensTheSubjectInItsMiddle) {
  const std::string head = "wave 3 of 40, about 2 min 10 s left: ";
  const std::string subject = "epoll on blackhole (IPv4, 64 in flight, timeout 1s), repetition 2";
  EXPECT_EQ(fitted_line(head, subject, {", 400/1,000 begun"}, SIZE_MAX), head + subject + ", 400/1,000 begun");
  EXPECT_EQ(fitted_line(head, subject, {", 400/1,000 begun"}, 79), head + "epoll on bla…repetition 2, 400/1,000 begun");
  EXPECT_EQ(fitted_line(head, subject, {", 400/1,000 begun"}, 60), head + "epoll on bl…epetition 2");
  for (size_t width = 1; width < 120; ++width)
    EXPECT_LE(display_width(fitted_line(head, subject, {", 400/1,000 begun"}, width)), width);
}

}  // namespace
}  // namespace connbench
