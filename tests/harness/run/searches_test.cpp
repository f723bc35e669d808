// A search for a rate runs each of its waves at the rate that it records, and judges what that wave showed. The
// connector answers in time below a known rate, and late above it.
#include <cmath>

#include "tests/harness/run/known_session.h"

namespace connbench::known {
namespace {

using namespace std::chrono_literals;

constexpr double truth = 3'000;  // attempts per second that the connector sustains
constexpr size_t first_of_other = 1'000;

// "fleet:accepting=75,refusing=25:uniform:2000/s" → 2000.
double rate_of(const std::string& scenario) {
  return std::stod(scenario.substr(scenario.rfind(':') + 1));
}

class Searches : public KnownSession {
 protected:
  Searches() {
    static double rate = 0;
    host_count = 3;
    request_.targets = {};
    request_.mixes = {Mix{{{NamedTarget{&known_target<>, "accepting", ""}, 7'500},
                           {NamedTarget{&known_target<first_of_other, Outcome::refused>, "refusing", ""}, 2'500}}}};
    request_.concurrency = {50};
    request_.arrival = "uniform:2000/s";
    request_.first_rate = 2'000;
    request_.find_rate = parse_rate_goal("p50<20ms");
    request_.repetitions = 1;
    announcer_.on_announcement = [](const PlannedCase& planned) { rate = rate_of(planned.what.scenario); };
    behaviour.report = [](size_t attempt) {
      const Outcome outcome = attempt < first_of_other ? Outcome::connected : Outcome::refused;
      // From the start it takes 15 ms; only together with the wait before it, it may take too long.
      return Report{.waited = rate <= truth ? 1ms : 10ms,
                    .took = 15ms,
                    .result = {outcome, Stage::connect, static_cast<int>(attempt + 1)},
                    .handshake = {}};
    };
  }

  void expect_the_true_rate() const {
    ASSERT_EQ(session_->rates().size(), 1U);
    const RateResult& found = session_->rates().front();
    ASSERT_TRUE(found.held && found.not_held);
    EXPECT_LE(*found.held, truth);
    EXPECT_GT(*found.not_held, truth);
    const auto rates = document("run.json").at("rates");
    EXPECT_EQ(rates.at(0).at("held_per_s"), *found.held);
    EXPECT_EQ(rates.at(0).at("not_held_per_s"), *found.not_held);
    EXPECT_EQ(rates.at(0).at("waves"), found.rows.size());
    for (const RateResult::Wave& wave : found.rows) {
      EXPECT_EQ(wave.held, wave.rate_per_s <= truth) << wave.rate_per_s;
      EXPECT_NEAR(wave.rate_per_s, rate_of(wave.row.what.scenario), wave.rate_per_s / 1e5);
    }
  }

  // At the time and the target of its row.
  void expect_attempts_as_recorded() const {
    const auto samples = rows("samples.csv");
    size_t next = 0;
    for (const Row& row : rows("summary.csv")) {
      if (row.at("target") != "*") continue;
      const double rate = rate_of(row.at("scenario"));
      for (size_t i = 0; i < number(row, "attempts"); ++i) {
        const Row& sample = samples.at(next++);
        ASSERT_EQ(sample.at("scenario"), row.at("scenario"));
        if (sample.at("started_ns").empty()) continue;  // on a busy machine, the wave may end before its last attempts
        ASSERT_EQ(clock_ns(sample, "scheduled_ns") - clock_ns(row, "wave_started_ns"),
                  std::llround(static_cast<double>(i) * 1e9 / rate));
        ASSERT_EQ(sample.at("target"), number(sample, "os_error") > first_of_other ? "refusing" : "accepting");
      }
    }
    EXPECT_EQ(next, samples.size());
  }
};

// One test, because a search takes seconds.
TEST_F(Searches, FindTheRateThatTheConnectorSustainsAndRecordWhatEachWaveWasOffered) {
  ASSERT_EQ(run(), SessionEnd::complete);
  expect_the_true_rate();
  expect_attempts_as_recorded();
}

}  // namespace
}  // namespace connbench::known
