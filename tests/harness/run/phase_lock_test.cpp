// Which loads keep step with their deadlines, and what that hides, on a simulated clock.
#include "harness/run/phase_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "harness/wave/runner.h"
#include "tests/harness/connector/late_connector.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr size_t attempts = 400;
constexpr Duration own_lateness = 80us;

// How late attempts are given up, without the last ones, by a loop whose own timer wakes it 80 µs late.
std::vector<int64_t> lateness(std::unique_ptr<Pacing> pacing, Duration timeout) {
  simulated = TimePoint(1h);
  LateConnector loop({.of = [](uint64_t) { return own_lateness; }, .any_wake_up_helps = true});
  const std::vector<Endpoint> endpoints{Endpoint::ipv4(INADDR_LOOPBACK, 1)};
  std::vector<Sample> samples(attempts);
  drive(loop,
        {.load = {.endpoints = endpoints, .limit = 1h},
         .concurrency = attempts,
         .timeout = timeout,
         .pacing = pacing.get(),
         .clock = simulated_now,
         .sleep = simulated_sleep},
        samples);
  std::vector<int64_t> late;
  for (const Sample& sample : std::span(samples).first(attempts / 2))
    late.push_back(sample.finished_ns - sample.started_ns - timeout.count());
  std::ranges::sort(late);
  return late;
}

TEST(PhaseLock, HidesTheLatenessOfALoop) {
  EXPECT_EQ(lateness(uniform_arrivals(1000), 10ms).back(), 0) << "each deadline is a start";
  EXPECT_EQ(lateness(uniform_arrivals(1000), 9950us).back(), 50'000) << "the next start comes 50 µs after the deadline";
  EXPECT_EQ(lateness(uniform_arrivals(1000), 10'500us).front(), 80'000);
}

TEST(PhaseLock, IsNotPossibleWithRandomArrivals) {
  const auto late = lateness(poisson_arrivals(1000, 7), 10ms);
  EXPECT_EQ(late[late.size() / 2], 80'000);
  EXPECT_EQ(late[late.size() / 5], 80'000) << "few deadlines happen to have a start within 80 µs";
}

TEST(PhaseLock, IsAWholeNumberOfIntervals) {
  EXPECT_TRUE(is_phase_locked(1ms, 10ms));
  EXPECT_TRUE(is_phase_locked(1ms, 1ms));
  EXPECT_TRUE(is_phase_locked(250us, 10ms));
  EXPECT_FALSE(is_phase_locked(1ms, 10'500us));
  EXPECT_FALSE(is_phase_locked(20ms, 10ms));
}

TEST(PhaseLock, IsWithin100MicrosecondsAndAnEighthOfTheInterval) {
  EXPECT_TRUE(is_phase_locked(1ms, 10'100us));
  EXPECT_TRUE(is_phase_locked(1ms, 9'900us));
  EXPECT_FALSE(is_phase_locked(1ms, 10'101us));
  EXPECT_FALSE(is_phase_locked(1ms, 9'899us));
  EXPECT_TRUE(is_phase_locked(400us, 4'050us));
  EXPECT_FALSE(is_phase_locked(400us, 4'051us));
}

TEST(PhaseLock, DoesNotMatterWhereSomeAttemptStartsAfterAnyDeadlineAnyway) {
  EXPECT_TRUE(is_phase_locked(51us, 51us * 100));
  EXPECT_FALSE(is_phase_locked(50us, 5ms));
}

class PhaseWarnings : public testing::Test {
 protected:
  std::vector<std::string> of(const char* target, Duration timeout, const std::string& arrival = "uniform:1000/s") {
    request_.arrival = arrival;
    const NamedTarget& named = targets_.emplace_back(find_target(target));
    std::vector<PlannedCase> cases;
    for (const char* connector : {"epoll", "poll-threads"})
      cases.push_back({.what = {.scenario = "steady:" + arrival,
                                .connector = connector,
                                .target = named.name,
                                .concurrency = concurrency_,
                                .attempts = attempts,
                                .timeout = timeout},
                       .connector = nullptr,
                       .target = &named,
                       .limit = {},
                       .capabilities = capabilities_,
                       .load = arrival});
    return phase_warnings(request_, cases);
  }

  RunRequest request_;
  Capabilities capabilities_;
  size_t concurrency_ = 64;

 private:
  std::deque<NamedTarget> targets_;
};

TEST_F(PhaseWarnings, SayWhatKeepsStepAndWhatToDo) {
  EXPECT_THAT(
      of("blackhole", 10ms),
      ElementsAre("blackhole (IPv4, 64 in flight, timeout 10ms): uniform:1000/s keeps step with the timeout of 10ms. "
                  "Every deadline passes just when another attempt starts, which wakes a loop that would otherwise "
                  "be late, and no thread. Use --arrival poisson:1000/s, or the timeout of 10.5ms."));
}

TEST_F(PhaseWarnings, CoverAnswersThatComeAfterAFixedTime) {
  for (const char* target : {"delayed:20ms", "refused-far:20ms", "host-unreachable:20ms"})
    EXPECT_THAT(of(target, 1s), ElementsAre(AllOf(HasSubstr("the round trip of 20ms"), HasSubstr("20.5ms")))) << target;
  EXPECT_THAT(of("delayed:20.3ms", 1s), IsEmpty());
  EXPECT_THAT(of("delayed:20.3ms", 10ms), ElementsAre(HasSubstr("the timeout of 10ms")))
      << "it passes before the answer";
  EXPECT_THAT(of("jittered:20ms~5ms", 1s), IsEmpty());
  EXPECT_THAT(of("accepting", 10ms), IsEmpty());
}

TEST_F(PhaseWarnings, ConcernEvenArrivalsOnly) {
  EXPECT_THAT(of("blackhole", 10ms, "poisson:1000/s"), IsEmpty());
  EXPECT_THAT(of("blackhole", 10ms, "closed"), IsEmpty());
  EXPECT_THAT(of("blackhole", 10'500us), IsEmpty());
}

TEST_F(PhaseWarnings, NeedAttemptsThatStartAfterTheFirstDeadline) {
  EXPECT_THAT(of("blackhole", 400ms), IsEmpty()) << "the last of 400 attempts starts after 399 ms";
  EXPECT_THAT(of("blackhole", 399ms), testing::SizeIs(1));
  concurrency_ = 1;
  EXPECT_THAT(of("blackhole", 10ms), IsEmpty()) << "the next attempt waits for the end of this one";
}

TEST_F(PhaseWarnings, NeedADeadlineOfTheConnectorsOwn) {
  capabilities_.deadline_by = Capabilities::DeadlineBy::kernel;
  EXPECT_THAT(of("blackhole", 10ms), IsEmpty());
  EXPECT_THAT(of("delayed:20ms", 1s), testing::SizeIs(1));
}

TEST_F(PhaseWarnings, OfASearchDoNotDependOnItsFirstRate) {
  request_.find_rate = RateGoal{};
  EXPECT_THAT(of("delayed:20.3ms", 1s), ElementsAre(HasSubstr("at some of the evenly spaced rates that are tried")));
  EXPECT_THAT(of("accepting", 1s), IsEmpty());
}

}  // namespace
}  // namespace connbench
