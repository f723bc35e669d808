#include "harness/wave/runner.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include "harness/record/summary.h"
#include "tests/harness/connector/fake_connector.h"

namespace connbench {
namespace {

using testing::Each;

class Drives : public testing::Test {
 protected:
  void SetUp() override { simulated = TimePoint(1000s); }

  std::vector<Sample> drive_wave(FakeConnector& connector, Pacing& pacing, size_t attempts, size_t concurrency,
                                 Duration limit = 1h) {
    std::vector<Sample> samples(attempts);
    drive(connector,
          {.load = {.endpoints = endpoints_, .limit = limit},
           .concurrency = concurrency,
           .timeout = 1s,
           .pacing = &pacing,
           .stop = &stop_,
           .clock = simulated_now,
           .sleep = simulated_sleep},
          samples);
    return samples;
  }

  std::atomic<bool> stop_{false};
  std::vector<Endpoint> endpoints_{Endpoint::ipv4(INADDR_LOOPBACK, 1), Endpoint::ipv4(INADDR_LOOPBACK, 2)};
};

size_t count_of(Outcome outcome, const std::vector<Sample>& samples) {
  return static_cast<size_t>(std::ranges::count(samples, outcome, &Sample::outcome));
}

bool all_done(const std::vector<Sample>& samples) {
  return std::ranges::all_of(samples, [](const Sample& sample) { return sample.state == Sample::State::done; });
}

Duration queueing(const Sample& sample) {
  return Duration(sample.started_ns - sample.scheduled_ns);
}

std::vector<uint64_t> in_order(size_t count) {
  std::vector<uint64_t> ids(count);
  for (size_t i = 0; i < count; ++i) ids[i] = i;
  return ids;
}

// Otherwise the first of half a million attempts would pass their deadlines while the last ones are begun.
TEST_F(Drives, ReapsCompletionsWhileItBeginsManyAttempts) {
  FakeConnector connector({.capacity = 5000, .answers = false});
  drive_wave(connector, *closed_loop(), 2000, 2000, 10ms);
  EXPECT_GE(connector.reaps, connector.submits);
  EXPECT_GT(connector.submits, 2000U / 300);
}

TEST_F(Drives, InClosedLoopNeverExceedsTheConcurrency) {
  for (const size_t concurrency : {1U, 7U, 300U, 2000U}) {
    FakeConnector connector({.capacity = 5000});
    const auto samples = drive_wave(connector, *closed_loop(), 1000, concurrency);
    EXPECT_EQ(connector.most_in_flight, std::min<size_t>(concurrency, 1000));
    EXPECT_EQ(connector.ids, in_order(1000));
    EXPECT_EQ(count_of(Outcome::connected, samples), 1000U);
    EXPECT_TRUE(all_done(samples));
  }
}

TEST_F(Drives, InClosedLoopTheNextAttemptIsWantedWhenOneHasEnded) {
  FakeConnector connector({.service = 5ms});
  const auto samples = drive_wave(connector, *closed_loop(), 4, 1);
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].scheduled_ns, to_ns(TimePoint(1000s) + 5ms * i));
    EXPECT_EQ(queueing(samples[i]), 0ns);
    EXPECT_EQ(samples[i].reaped_ns, samples[i].finished_ns);
  }
}

// Those in flight then still end, and the samples of the others are left alone.
TEST_F(Drives, BeginsAttemptsForAGivenTime) {
  for (const size_t concurrency : {1U, 4U}) {
    SetUp();
    FakeConnector connector({.service = 5ms});
    std::vector<Sample> samples(1000);
    const auto pacing = closed_loop();
    drive(connector,
          {.load = {.endpoints = endpoints_, .limit = 1h, .lasts = 98ms},
           .concurrency = concurrency,
           .timeout = 1s,
           .pacing = pacing.get(),
           .stop = &stop_,
           .clock = simulated_now,
           .sleep = simulated_sleep},
          samples);
    const auto made = static_cast<size_t>(std::ranges::count(samples, Sample::State::done, &Sample::state));
    EXPECT_GE(made, 19U);
    EXPECT_LT(made, 100U);
    for (size_t i = 0; i < samples.size(); ++i) {
      EXPECT_EQ(samples[i].scheduled_ns != 0, i < made) << i;
      if (i >= made) continue;
      EXPECT_EQ(samples[i].outcome, Outcome::connected);
      EXPECT_LT(samples[i].scheduled_ns, to_ns(TimePoint(1000s) + 98ms));
    }
  }
}

// Attempts that never end are given up at the limit, and not counted beyond those that were begun.
TEST_F(Drives, AGivenTimeEndsAtTheLimitToo) {
  FakeConnector connector({.capacity = 5, .answers = false});
  std::vector<Sample> samples(100);
  const auto pacing = closed_loop();
  drive(connector,
        {.load = {.endpoints = endpoints_, .limit = 50ms, .lasts = 20ms},
         .concurrency = 5,
         .timeout = 1s,
         .pacing = pacing.get(),
         .stop = &stop_,
         .clock = simulated_now,
         .sleep = simulated_sleep},
        samples);
  EXPECT_EQ(count_of(Outcome::cancelled, samples), 5U);
  EXPECT_EQ(std::ranges::count(samples, Sample::State::done, &Sample::state), 5);
}

TEST_F(Drives, UsesTheEndpointsInTurn) {
  std::vector<uint16_t> ports;
  class Recorder final : public Connector {
   public:
    explicit Recorder(std::vector<uint16_t>& seen) : seen_(seen) {}
    Capabilities capabilities() const override { return {}; }
    size_t submit(std::span<const Attempt> attempts) override {
      for (const Attempt& attempt : attempts) {
        seen_.push_back(attempt.endpoints.front().port());
        ids_.push_back(attempt.id);
      }
      return attempts.size();
    }
    size_t reap(std::vector<Completion>& completions, TimePoint) override {
      for (const uint64_t id : ids_) completions.push_back({.id = id});
      return std::exchange(ids_, {}).size();
    }
    void cancel_all() override {}
    size_t in_flight() const override { return ids_.size(); }

   private:
    std::vector<uint16_t>& seen_;
    std::vector<uint64_t> ids_;
  } recorder(ports);
  std::vector<Sample> samples(5);
  const auto pacing = closed_loop();
  drive(recorder, {.load = {.endpoints = endpoints_, .limit = 1h}, .concurrency = 3, .pacing = pacing.get()}, samples);
  EXPECT_EQ(ports, (std::vector<uint16_t>{1, 2, 1, 2, 1}));
}

// A full connector is offered the remaining attempts again later; the wait for it shows as queueing.
TEST_F(Drives, OffersUntakenAttemptsAgainInOrderAndKeepsWhenTheyWereFirstWanted) {
  FakeConnector connector({.capacity = 3, .service = 10ms});
  const auto samples = drive_wave(connector, *closed_loop(), 9, 9);
  EXPECT_EQ(connector.ids, in_order(9));
  EXPECT_THAT(connector.scheduled, Each(TimePoint(1000s)));
  for (size_t i = 0; i < samples.size(); ++i) EXPECT_EQ(queueing(samples[i]), 10ms * (i / 3)) << i;
  EXPECT_LT(connector.reaps, 20U) << "reaped without waiting";
}

TEST_F(Drives, InOpenLoopAttemptsAreWantedWhenTheyAreDue) {
  FakeConnector connector({.service = 30us});
  const auto samples = drive_wave(connector, *uniform_arrivals(5000), 100, 50);
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].scheduled_ns, to_ns(TimePoint(1000s) + 200us * i));
    EXPECT_EQ(queueing(samples[i]), 0ns) << i;
  }
  EXPECT_LT(connector.reaps, 400U) << "spun until the next attempt was due";
}

TEST_F(Drives, InOpenLoopFollowsThePoissonTimesOfItsSeed) {
  FakeConnector connector({.service = 30us});
  const auto samples = drive_wave(connector, *poisson_arrivals(5000, 11), 100, 100);
  const auto again = poisson_arrivals(5000, 11);
  for (const Sample& sample : samples) EXPECT_EQ(sample.scheduled_ns, to_ns(TimePoint(1000s) + again->next_due()));
}

// No coordinated omission: at half the speed asked for, attempt i starts i × 200 µs late, and its sample shows it.
TEST_F(Drives, InOpenLoopASlowConnectorShowsGrowingQueueing) {
  FakeConnector connector({.service = 400us, .one_at_a_time = true});
  const auto samples = drive_wave(connector, *uniform_arrivals(5000), 200, 1);
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].scheduled_ns, to_ns(TimePoint(1000s) + 200us * i));
    EXPECT_EQ(queueing(samples[i]), 200us * i) << i;
    EXPECT_EQ(samples[i].finished_ns - samples[i].started_ns, Duration(400us).count());
  }
}

TEST_F(Drives, InOpenLoopAFullConnectorIsWaitedFor) {
  FakeConnector connector({.capacity = 1, .service = 400us});
  const auto samples = drive_wave(connector, *uniform_arrivals(5000), 100, 50);
  EXPECT_EQ(queueing(samples.back()), 200us * 99);
  EXPECT_LE(connector.reaps, 250U) << "reaped without waiting";
}

// An attempt that was due and found no room before the wave ended was wanted all the same: its sample shows when.
TEST_F(Drives, InOpenLoopAnAttemptThatNeverFoundRoomWasOfferedAndIsLate) {
  FakeConnector connector({.answers = false});
  const auto samples = drive_wave(connector, *uniform_arrivals(10), 100, 4, 5s);
  EXPECT_EQ(count_of(Outcome::cancelled, samples), 4U);
  EXPECT_EQ(count_of(Outcome::never_started, samples), 96U);
  for (size_t i = 0; i <= 50; ++i) EXPECT_EQ(samples[i].scheduled_ns, to_ns(TimePoint(1000s) + 100ms * i)) << i;
  EXPECT_EQ(samples[51].scheduled_ns, 0) << "it was due after the wave's end";
  OpenLoopAccount sum;
  for (const Sample& sample : samples) sum.add(sample);
  EXPECT_EQ(sum.offered, 51U);
  EXPECT_EQ(sum.started, 4U);
  EXPECT_EQ(sum.completed, 0U);
  EXPECT_EQ(sum.late, 47U);
}

// Each attempt still connects in 400 µs, but at twice the sustainable rate the response time grows to half the wave.
TEST_F(Drives, AtTwiceTheSustainableRateTheAccountShowsAGrowingQueue) {
  FakeConnector connector({.service = 400us, .one_at_a_time = true});
  const auto samples = drive_wave(connector, *uniform_arrivals(5000), 4000, 1000);
  WaveResult wave;
  const SummaryRow row = summarise({"run", 0, wave, samples});
  EXPECT_EQ(row.connecting.p99, Duration(400us).count()) << "on its own it looks harmless";
  EXPECT_EQ(row.response.max, Duration(400us + 200us * 3999).count());
  EXPECT_EQ(row.response.p50, Duration(400us + 200us * 1999).count());
  EXPECT_EQ(row.arrivals.offered, 4000U);
  EXPECT_EQ(row.arrivals.completed, 4000U);
  EXPECT_EQ(row.arrivals.late, 3994U) << "all but those at most a millisecond late";
  EXPECT_NEAR(*row.connects_per_s, 2500, 1);
}

// A sleep that oversleeps, as the kernel does, and a clock that advances a little at each reading.
constexpr Duration oversleep = 300us;
TimePoint creeping_now() {
  simulated += 500ns;
  return simulated;
}
void late_sleep(TimePoint until) {
  simulated = std::max(simulated, until) + oversleep;
}

enum class Waiting { sleeping, spinning };

std::vector<Sample> drive_with_late_sleep(Waiting waiting, FakeConnector& connector) {
  std::vector<Sample> samples(20);
  const std::vector<Endpoint> endpoints{Endpoint::ipv4(INADDR_LOOPBACK, 1)};
  const auto pacing = uniform_arrivals(100);
  drive(connector,
        {.load = {.endpoints = endpoints, .limit = 1h, .spin = waiting == Waiting::spinning},
         .concurrency = 100,
         .pacing = pacing.get(),
         .clock = creeping_now,
         .sleep = late_sleep},
        samples);
  return samples;
}

TEST_F(Drives, SpinningStartsOnTimeWhereSleepingDoesNot) {
  FakeConnector slept({.service = 30us});
  const auto late = drive_with_late_sleep(Waiting::sleeping, slept);
  for (size_t i = 1; i < late.size(); ++i) EXPECT_GE(queueing(late[i]), oversleep) << i;
  FakeConnector spun({.service = 30us});
  const auto in_time = drive_with_late_sleep(Waiting::spinning, spun);
  for (const Sample& sample : in_time) EXPECT_LE(queueing(sample), 1us);
}

TEST_F(Drives, ReapsCompletionsWhileItSpins) {
  FakeConnector connector({.service = 9600us});  // ends while the loop spins for the next attempt
  for (const Sample& sample : drive_with_late_sleep(Waiting::spinning, connector)) {
    EXPECT_LE(queueing(sample), 1us);
    EXPECT_LE(sample.reaped_ns - sample.finished_ns, Duration(1us).count());
  }
}

TEST_F(Drives, AnAttemptOfAFleetGoesToItsOwnTarget) {
  std::vector<std::span<const Endpoint>> routes;
  for (const size_t to : {1U, 0U, 0U, 1U}) routes.push_back(std::span(endpoints_).subspan(to, 1));
  FakeConnector connector({.capacity = 1});
  std::vector<Sample> samples(4);
  const auto pacing = closed_loop();
  drive(connector,
        {.load = {.endpoints = {}, .routes = routes, .limit = 1h},
         .concurrency = 2,
         .pacing = pacing.get(),
         .clock = simulated_now},
        samples);
  EXPECT_EQ(connector.ports, (std::vector<uint16_t>{2, 1, 1, 2}));
}

TEST_F(Drives, TheLimitOfAWaveCancelsAttemptsInFlightAndPreventsTheRest) {
  FakeConnector connector({.answers = false});
  const auto samples = drive_wave(connector, *closed_loop(), 100, 10, 3s);
  EXPECT_TRUE(all_done(samples));
  EXPECT_EQ(simulated, TimePoint(1003s));
  EXPECT_EQ(connector.cancels, 1U);
  EXPECT_EQ(count_of(Outcome::cancelled, samples), 10U);
  EXPECT_EQ(count_of(Outcome::never_started, samples), 90U);
  EXPECT_EQ(samples.back().started_ns, 0);
}

TEST_F(Drives, AStopRequestEndsAWaveAndLeavesAloneWhatWasNeverOffered) {
  stop_ = true;
  FakeConnector connector({});
  const auto untouched = drive_wave(connector, *closed_loop(), 10, 10);
  EXPECT_TRUE(std::ranges::all_of(untouched, [](const Sample& sample) {
    return sample.state == Sample::State::offered && sample.scheduled_ns == 0;
  }));
  EXPECT_TRUE(connector.ids.empty());
  // In an open loop, an attempt that was due was wanted: those due at once are accounted for.
  const auto due = drive_wave(connector, *uniform_arrivals(1e12), 10, 10);
  EXPECT_GE(count_of(Outcome::never_started, due), 1U);
}

TEST_F(Drives, AStopRequestIsSeenWhileNothingHappens) {
  FakeConnector connector({.answers = false});
  std::vector<Sample> samples(5);
  static std::atomic<bool> stop;
  stop = false;
  const auto pacing = closed_loop();
  drive(connector,
        {.load = {.endpoints = endpoints_, .limit = 1h},
         .concurrency = 5,
         .pacing = pacing.get(),
         .stop = &stop,
         .clock =
             [] {
               if (simulated >= TimePoint(1002s)) stop = true;
               return simulated;
             }},
        samples);
  EXPECT_EQ(count_of(Outcome::cancelled, samples), 5U);
  EXPECT_LT(simulated, TimePoint(1003s));
}

TEST_F(Drives, AnEmptyWaveIsOverAtOnce) {
  FakeConnector connector({});
  EXPECT_TRUE(drive_wave(connector, *closed_loop(), 0, 1).empty());
  EXPECT_EQ(connector.submits, 0U);
}

}  // namespace
}  // namespace connbench
