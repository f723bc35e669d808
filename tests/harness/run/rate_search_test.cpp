#include "harness/run/rate_search.h"

#include <gmock/gmock.h>

#include <functional>
#include <stdexcept>
#include <vector>

#include "harness/wave/pacing.h"
#include "harness/wave/runner.h"
#include "tests/harness/connector/fake_connector.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

struct Found {
  std::vector<double> rates;  // wave by wave
  std::optional<double> held, not_held;
};

Found search(RateSearch searching, const std::function<bool(double rate, unsigned wave)>& holds) {
  Found found{};
  while (const auto rate = searching.next()) {
    found.rates.push_back(*rate);
    if (found.rates.size() > 500) throw std::runtime_error("the search does not end");
    searching.add(holds(*rate, searching.wave()));
  }
  found.held = searching.held();
  found.not_held = searching.not_held();
  return found;
}

TEST(RateSearch, ClosesInOnTheHighestRateThatHolds) {
  for (const double truth : {43.0, 999.0, 1000.0, 7321.0, 123'456.0}) {
    const Found found = search({1000, 1, 10}, [&](double rate, unsigned) { return rate <= truth; });
    EXPECT_LE(*found.held, truth);
    EXPECT_GT(*found.not_held, truth);
    EXPECT_LE(*found.not_held, *found.held * 1.0501) << truth;
    EXPECT_LE(found.rates.size(), 16U) << truth;
  }
}

TEST(RateSearch, DoublesTheRateThenBisects) {
  const Found found = search({1000, 1, 10}, [&](double rate, unsigned) { return rate < 3000; });
  EXPECT_THAT(found.rates, ElementsAre(1000, 2000, 4000, 2830, 3360, 3080, 2950));
}

TEST(RateSearch, ReportsThatNoRateHolds) {
  const Found found = search({1000, 3, 40}, [](double, unsigned) { return false; });
  EXPECT_EQ(found.held, std::nullopt);
  EXPECT_EQ(found.not_held, 40);
  EXPECT_EQ(found.rates.back(), 40);
}

TEST(RateSearch, ReportsThatEveryRateHolds) {
  const Found found = search({1000, 3, 40, 50'000}, [](double, unsigned) { return true; });
  EXPECT_EQ(found.held, 50'000);
  EXPECT_EQ(found.not_held, std::nullopt);
}

TEST(RateSearch, StopsAtARateOnceTheMajorityIsCertain) {
  const auto waves_at_first = [](unsigned waves, const std::vector<bool>& verdicts) {
    RateSearch searching(1000, waves, 10);
    for (size_t i = 0; i < verdicts.size(); ++i) {
      EXPECT_EQ(searching.next(), 1000) << "decided after " << i;
      EXPECT_EQ(searching.wave(), i + 1);
      searching.add(verdicts[i]);
    }
    return searching;
  };
  EXPECT_EQ(waves_at_first(5, {true, true, true}).held(), 1000);
  EXPECT_EQ(waves_at_first(5, {true, false, true, false, true}).held(), 1000) << "two disturbed waves";
  EXPECT_EQ(waves_at_first(5, {false, true, false, false}).not_held(), 1000);
  EXPECT_EQ(waves_at_first(2, {true, false}).not_held(), 1000) << "a tie does not hold";
  EXPECT_EQ(waves_at_first(3, {true, true}).next(), 2000);
}

TEST(RateSearch, IsNotMisledByOneDisturbedWaveInFive) {
  const auto truth = [](double rate, unsigned) { return rate <= 7321; };
  const auto disturbed = [&](double rate, unsigned wave) { return wave != 1 && truth(rate, wave); };
  EXPECT_EQ(search({1000, 5, 10}, disturbed).held, search({1000, 5, 10}, truth).held);
}

std::vector<Sample> hundred(size_t failed, Duration response = 4ms) {
  Sample good{};
  good.scheduled_ns = 1000;
  good.started_ns = 2000;
  good.finished_ns = 1000 + response.count();
  good.outcome = Outcome::connected;
  std::vector<Sample> samples(100, good);
  for (size_t i = 0; i < failed; ++i) {
    samples[i].outcome = Outcome::refused;
    samples[i].finished_ns = 1001;  // fast, but a failure
  }
  return samples;
}

TEST(RateGoals, CountEveryFailureAsTooLate) {
  const RateGoal goal = parse_rate_goal("p99<5ms");
  EXPECT_TRUE(goal.held_by(hundred(0)));
  EXPECT_TRUE(goal.held_by(hundred(1)));
  EXPECT_FALSE(goal.held_by(hundred(2)));
  EXPECT_FALSE(goal.held_by(hundred(0, 5ms)));
  EXPECT_TRUE(parse_rate_goal("p50<5ms").held_by(hundred(50)));
  EXPECT_FALSE(parse_rate_goal("p50<5ms").held_by(hundred(51)));
  EXPECT_FALSE(parse_rate_goal("max<5ms").held_by(hundred(1)));
  std::vector<Sample> never(100, Sample{});
  for (Sample& sample : never) sample.outcome = Outcome::never_started;
  EXPECT_FALSE(parse_rate_goal("p50<5ms").held_by(never));
}

TEST(RateGoals, GiveAWaveTheTimeToExposeAGrowingQueue) {
  const RateGoal goal = parse_rate_goal("p99<50ms");
  EXPECT_EQ(goal.wave_lasts(), 2s);
  EXPECT_EQ(goal.attempts_at(10'000), 20'000U);
  EXPECT_EQ(goal.attempts_at(1), 368U) << "p99 needs as many";
  EXPECT_EQ(parse_rate_goal("p99<1ms").wave_lasts(), 500ms);
}

std::string refusal(std::string_view text) {
  try {
    parse_rate_goal(text);
    return "taken";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(RateGoals, ThatCannotBeParsedAreRefused) {
  for (const char* text : {"", "p99", "5ms", "p98<5ms", "p99>5ms", "<5ms"})
    EXPECT_THAT(refusal(text), HasSubstr("p99<5ms")) << text;
  EXPECT_THAT(refusal("p99<5"), HasSubstr("ms"));
  EXPECT_THAT(refusal("p99<0ms"), HasSubstr("from 1ns to 1s"));
  EXPECT_THAT(refusal("p99<2s"), HasSubstr("from 1ns to 1s"));
}

// In simulated time, a connector that handles one attempt at a time and takes 400 µs for each sustains 2,500/s.
TEST(RateSearch, FindsTheRateThatASimulatedConnectorSustains) {
  const RateGoal goal = parse_rate_goal("p99<5ms");
  const std::vector<Endpoint> endpoints{Endpoint::ipv4(INADDR_LOOPBACK, 1)};
  const Found found = search({1000, 1, goal.lowest_rate()}, [&](double rate, unsigned) {
    FakeConnector connector({.capacity = 100'000, .service = 400us, .one_at_a_time = true});
    std::vector<Sample> samples(goal.attempts_at(rate));
    const auto pacing = uniform_arrivals(rate);
    simulated = TimePoint(1000s);
    drive(connector,
          {.load = {.endpoints = endpoints, .limit = 1h},
           .concurrency = 100'000,
           .pacing = pacing.get(),
           .clock = simulated_now,
           .sleep = simulated_sleep},
          samples);
    return goal.held_by(samples);
  });
  EXPECT_THAT(*found.held, AllOf(Ge(2400), Le(2550)));
  EXPECT_LE(*found.not_held, 2500 * 1.06);
}

}  // namespace
}  // namespace connbench
