// Every connector in the drive loop: a whole wave, with every attempt accounted for.
#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"

namespace connbench::conformance {
namespace {

class Driven : public AtPlace {
 protected:
  static constexpr size_t concurrency = 300;

  void SetUp() override {
    AtPlace::SetUp();
    if (IsSkipped()) return;
    if (const auto reason = refusal(concurrency)) GTEST_SKIP() << *reason;
  }
};

void expect_accounted(const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) {
    ASSERT_EQ(sample.state, Sample::State::done);
    if (sample.outcome == Outcome::never_started) {
      EXPECT_EQ(sample.started_ns, 0) << "it made no system call";
      EXPECT_EQ(sample.finished_ns, 0) << "what has not begun has no end";
      continue;
    }
    EXPECT_LE(sample.scheduled_ns, sample.started_ns);
    EXPECT_LE(sample.started_ns, sample.finished_ns);
    EXPECT_LE(sample.finished_ns, sample.reaped_ns);
  }
}

// Accepting, refusing, silent: the other targets differ from these only after the connection is established.
bool is_basic_kind(const Place& place) {
  constexpr std::string_view kinds[] = {"accepting", "refusing", "backlog-full"};
  return place.family == Family::ipv4 && std::ranges::find(kinds, place.target->name) != std::end(kinds);
}

class DrivenOnEachKind : public Driven {};
INSTANTIATE_TEST_SUITE_P(Connector, DrivenOnEachKind, testing::ValuesIn(places(is_basic_kind)), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DrivenOnEachKind);

TEST_P(DrivenOnEachKind, EveryAttemptOfAWaveIsAccountedFor) {
  const auto target = open_target(concurrency);
  const bool answers = GetParam().target->answers;
  // A connector that takes seconds to give up gets fewer rounds.
  const bool slow = !answers && Connecting(entry(), 1).capabilities().floor >= 1s;
  DrivenWave wave(entry(), slow ? 2 * concurrency : 5 * concurrency, concurrency);
  const bool ends = answers || wave.connector().capabilities().has_deadline();
  const auto& samples = wave.drive(target->endpoints(), answers ? patience : 50ms, ends ? Duration(patience) : 200ms);
  EXPECT_EQ(wave.connector().in_flight(), 0U);
  expect_accounted(samples);
  if (ends) {
    EXPECT_EQ(connbench::count_of(Outcome::cancelled, samples) + connbench::count_of(Outcome::never_started, samples),
              0U);
  }
  if (!opens_sockets()) return;
  const OutcomeSet allowed = GetParam().target->expected_outcomes(GetParam().family);
  for (const Sample& sample : samples)
    EXPECT_TRUE(allowed.contains(sample.outcome)) << to_string(sample.outcome) << ", errno " << sample.os_error;
}

class DrivenIntoSilence : public Driven {};
std::vector<Place> silent_and_cancellable() {
  return claiming(with_sockets(unanswered({Family::ipv4})),
                  [](const Capabilities& claims) { return claims.cancellable; });
}
INSTANTIATE_TEST_SUITE_P(Connector, DrivenIntoSilence, testing::ValuesIn(silent_and_cancellable()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DrivenIntoSilence);

TEST_P(DrivenIntoSilence, EndsAtTheLimitOfTheWave) {
  const auto target = open_target(concurrency);
  DrivenWave wave(entry(), 1000, concurrency);
  const auto& samples = wave.drive(target->endpoints(), far_away, 50ms);
  expect_accounted(samples);
  EXPECT_EQ(connbench::count_of(Outcome::cancelled, samples) + connbench::count_of(Outcome::never_started, samples),
            samples.size());
  // Without threads, the first attempts begin before anything else happens; a thread may be too late for the wave.
  const bool at_once = wave.connector().capabilities().threads == Capabilities::Threads::none;
  EXPECT_GE(connbench::count_of(Outcome::cancelled, samples), at_once ? 1U : 0U);
  EXPECT_GE(connbench::count_of(Outcome::never_started, samples), samples.size() - concurrency);
}

}  // namespace
}  // namespace connbench::conformance
