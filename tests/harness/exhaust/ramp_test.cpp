#include "harness/exhaust/ramp.h"

#include <gmock/gmock.h>

#include "tests/harness/exhaust/exhaustible_connector.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using testing::StrEq;
using At = Exhaustible::At;

class Ramps : public testing::Test {
 protected:
  void SetUp() override { simulated = TimePoint(1h); }

  RampPlan plan(const Exhaustible& behaviour) {
    return {.make = [behaviour] { return std::make_unique<ExhaustibleConnector>(behaviour); },
            .dead = dead_,
            .healthy = healthy_,
            .most = 100,
            .step = 20,
            .healthy_attempts = 10,
            .timeout = 500ms,
            .lasts = 500ms,
            .by_deadline = behaviour.deadline,
            .measure = [] { return Holding{.threads = 7, .fds = 8, .rss_kib = 9, .kernel_kib = 10}; },
            .on_step = [this](const RampStep& step) { steps_.push_back(step); },
            .stop = &stop_,
            .clock = simulated_now,
            .sleep = simulated_sleep};
  }

  RampEnd run(const Exhaustible& behaviour) { return run(plan(behaviour)); }
  RampEnd run(const RampPlan& plan) {
    RampEnd end;
    ramp(plan, end);
    return end;
  }

  std::vector<uint64_t> pending() const {
    std::vector<uint64_t> all;
    for (const RampStep& step : steps_) all.push_back(step.pending);
    return all;
  }

  const Endpoint dead_[2] = {Endpoint::ipv4(0x7f000001, dead_port), Endpoint::ipv4(0x7f000002, dead_port)};
  const Endpoint healthy_[1] = {Endpoint::ipv4(0x7f000001, healthy_port)};
  std::atomic<bool> stop_{false};
  std::vector<RampStep> steps_;
};

TEST_F(Ramps, EndWithTheFirstExhaustedAttemptAndNameTheCallThatFailed) {
  const RampEnd end = run({.room = 50});
  EXPECT_EQ(end.stopped, Stopped::exhausted);
  EXPECT_THAT(end.call, StrEq("pthread_create"));
  EXPECT_EQ(end.os_error, EAGAIN);
  EXPECT_EQ(end.most_pending, 50U);
}

TEST_F(Ramps, MeasureBeforeAtEveryStepAndAtTheEnd) {
  run({.room = 50});
  EXPECT_THAT(pending(), ElementsAre(0, 20, 40, 50));
  EXPECT_EQ(steps_.back().holding.threads, 7);
  EXPECT_EQ(steps_.back().holding.kernel_kib, 10);
  EXPECT_EQ(steps_.front().elapsed_ns, 0);
  EXPECT_EQ(steps_.front().start_p50_ns, not_known);  // nothing was started yet
  EXPECT_EQ(steps_[1].start_p50_ns, 0);               // simulated time does not advance
  EXPECT_EQ(steps_[1].start_p99_ns, not_known);       // too few for a p99
}

TEST_F(Ramps, ConnectNoHealthyAttemptWhileTheResourceIsExhausted) {
  const RampEnd end = run({.room = 50});
  EXPECT_GT(end.healthy_tried, 100U);  // it keeps trying
  EXPECT_EQ(end.healthy_connected, 0U);
  EXPECT_EQ(end.healthy_p50_ns, not_known);
  EXPECT_EQ(end.recovery_pending_ns, not_known);
}

TEST_F(Ramps, RecoverAfterTheFirstDeadlineAndMeasureHowLong) {
  const RampEnd end = run({.room = 50});
  EXPECT_TRUE(end.by_deadline);
  EXPECT_GE(end.recovery_released_ns, 1'000'000);  // the healthy connect itself
  EXPECT_LE(end.recovery_released_ns, 3'000'000);  // plus the pause between two tries
}

TEST_F(Ramps, CancelAttemptsWithoutDeadlineAndConnectWithANewConnector) {
  const RampEnd end = run({.room = 50, .deadline = false});
  EXPECT_FALSE(end.by_deadline);
  EXPECT_EQ(end.most_pending, 50U);
  EXPECT_EQ(end.healthy_connected, 0U);
  EXPECT_EQ(end.recovery_released_ns, 1'000'000);
  EXPECT_EQ(ExhaustibleConnector::made, 0);
}

TEST_F(Ramps, ThatExhaustNothingKeepHealthyAttemptsFast) {
  const RampEnd end = run({.room = 1'000});
  EXPECT_EQ(end.stopped, Stopped::nothing);
  EXPECT_THAT(end.call, StrEq(""));
  EXPECT_EQ(end.most_pending, 100U);
  EXPECT_EQ(end.healthy_connected, 10U);
  EXPECT_EQ(end.unloaded_p50_ns, 1'000'000);
  EXPECT_EQ(end.healthy_p50_ns, 1'000'000);
  EXPECT_EQ(end.healthy_p99_ns, not_known);  // too few for a p99
  EXPECT_EQ(end.recovery_pending_ns, 1'000'000);
  EXPECT_THAT(pending(), ElementsAre(0, 20, 40, 60, 80, 100));
}

TEST_F(Ramps, RecogniseAConnectorThatIsFull) {
  const RampEnd end = run({.room = 50, .then = At::is_full});
  EXPECT_EQ(end.stopped, Stopped::full);
  EXPECT_EQ(end.os_error, 0);
  EXPECT_EQ(end.most_pending, 50U);
  EXPECT_EQ(end.healthy_connected, 0U);
  EXPECT_NE(end.recovery_released_ns, not_known);
}

TEST_F(Ramps, ContinueAHealthyAttemptQueuedBehindTheDead) {
  RampPlan queued = plan({.room = 4, .then = At::queues});
  queued.most = 40;
  const RampEnd end = run(queued);
  EXPECT_EQ(end.stopped, Stopped::nothing);
  EXPECT_EQ(end.most_pending, 40U);
  EXPECT_EQ(end.healthy_tried, 1U);
  EXPECT_EQ(end.healthy_connected, 0U);
  EXPECT_EQ(end.recovery_released_ns,
            9 * 500'000'000LL + 1'000'000);  // nine more rounds of four dead attempts come first
}

TEST_F(Ramps, EndWhenTheConstructorThrows) {
  RampPlan failing = plan({});
  failing.make = []() -> std::unique_ptr<Connector> {
    throw std::system_error(EAGAIN, std::generic_category(), "pthread_create");
  };
  const RampEnd end = run(failing);
  EXPECT_EQ(end.stopped, Stopped::threw);
  EXPECT_THAT(end.call, StrEq("pthread_create"));
  EXPECT_EQ(end.os_error, EAGAIN);
  EXPECT_THAT(steps_, SizeIs(1));
}

TEST_F(Ramps, NeverTouchAConnectorThatThrew) {
  const int status = in_child([&] {  // it is never destroyed, so the process must end with it
    const RampEnd end = run({.room = 50, .then = At::throws});
    EXPECT_EQ(end.stopped, Stopped::threw);
    EXPECT_THAT(end.call, StrEq("operator new"));
    EXPECT_EQ(end.os_error, ENOMEM);
    EXPECT_EQ(ExhaustibleConnector::made, 1);
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Ramps, CountDeadAttemptsThatEndOnTheirOwn) {
  const RampEnd end = run({.room = 1'000, .dead_end = Outcome::refused, .dead_end_after = 0ms});
  EXPECT_EQ(end.ended_otherwise, 100U);
  EXPECT_EQ(end.otherwise, Outcome::refused);
}

TEST_F(Ramps, EndSoonOnRequest) {
  RampPlan asked = plan({.room = 1'000});
  asked.on_step = [&](const RampStep& step) {
    steps_.push_back(step);
    stop_ = step.pending >= 40;
  };
  const RampEnd end = run(asked);
  EXPECT_EQ(end.stopped, Stopped::asked);
  EXPECT_THAT(pending(), ElementsAre(0, 20, 40));
}

}  // namespace
}  // namespace connbench
